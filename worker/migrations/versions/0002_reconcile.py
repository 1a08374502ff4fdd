"""What looking up doubtful invites and sitting out an outage need."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and a table that the release before does not know and does not mind."""
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.add_column("delivery", _counter("look_ups"))
    op.create_table(
        "host",
        sa.Column("name", sa.Text(), primary_key=True),
        _counter("hold_count"),
        sa.Column("held_until", moment, nullable=True),
        sa.Column("probe_owner", sa.Text(), nullable=True),
        sa.Column("probe_until", moment, nullable=True),
    )
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0001')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0001'")
    op.drop_table("host")
    op.drop_column("delivery", "look_ups")


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
