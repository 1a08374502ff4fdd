"""What looking up doubtful invites and sitting out an outage need; a rename counts as a change on SQLite."""

from pathlib import Path

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
    if op.get_bind().dialect.name == "sqlite":
        _count_renames()
    # No look-up would tell more about these: a person decides.
    op.execute(
        "UPDATE delivery SET next_attempt_at = NULL WHERE status = 'unknown' AND error_code = 'id_taken'"
    )
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0001')")


def downgrade() -> None:
    """Remove them; the trigger stays repaired."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0001'")
    op.drop_table("host")
    op.drop_column("delivery", "look_ups")


def _count_renames() -> None:
    file = Path(__file__).with_name("0002_contract_sqlite.sql")
    for statement in file.read_text(encoding="utf-8").split("-- ;;"):
        op.execute(sa.text(statement.strip().replace(":", "\\:")))


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
