"""What a connection adds to its invites by default, and the employees that were looked up as hosts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and a table that the release before does not know and does not mind."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.add_column("connection", sa.Column("default_custom_fields", json, nullable=True))
    op.add_column(
        "connection",
        sa.Column("default_send_email", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "employee",
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("sought", sa.Text(), nullable=False),
        sa.Column("found", json, nullable=False),
        sa.Column("read_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "sought"),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
    )
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0002')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0002'")
    op.drop_table("employee")
    op.drop_column("connection", "default_send_email")
    op.drop_column("connection", "default_custom_fields")
