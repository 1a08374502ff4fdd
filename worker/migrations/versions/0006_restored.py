"""What is needed after a restore: that it happened, and which creates Envoy was seen not to have since."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table of one row at most, and two columns; the release before runs on it."""
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.create_table(
        "restored",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("since", moment, nullable=False),
        sa.CheckConstraint("id = 1", name="restored_once"),
    )
    op.add_column("delivery", sa.Column("restored_at", moment, nullable=True))
    op.add_column("delivery", sa.Column("absent_key", sa.Text(), nullable=True))
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0005')")


def downgrade() -> None:
    """Remove them."""
    # While the table has its row, releases that do not know it are barred under this other name.
    op.execute(
        "UPDATE schema_compatibility SET revision = substr(revision, 10) WHERE revision LIKE 'restored-%'"
    )
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0005'")
    op.drop_column("delivery", "absent_key")
    op.drop_column("delivery", "restored_at")
    op.drop_table("restored")
