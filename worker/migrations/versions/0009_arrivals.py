"""A change of a caller's is announced at its commit: by NOTIFY, or on SQLite by a number that grows."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from worker.migrations.contract_0005 import changed, filled_in

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SQLITE = """\
CREATE TRIGGER {name} AFTER {event} ON invite
{condition}
BEGIN
    UPDATE arrival SET number = number + 1;
END"""
# Only where a worker listens and no caller prepares transactions.  The table's number tells the schemas of
# one database apart.  PostgreSQL sends equal ones of a transaction once.
ANNOUNCE = """\
    IF EXISTS (SELECT 1 FROM arrival WHERE announced) THEN
        PERFORM pg_notify('envoy_invites_' || TG_RELID, '');
    END IF;
"""
END = "    RETURN NULL;\nEND\n"
# What is called for each row that makes something due: a trigger of its own would cost several times as much,
# and one for each statement is not fired by logical replication.
FUNCTIONS = ("invite_inserted", "invite_changed")


def upgrade() -> None:
    """Add a table of one row at most, which triggers look at or count in; the release before runs on it."""
    op.create_table(
        "arrival",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("announced", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("number", sa.BigInteger(), nullable=False, server_default="0"),
        sa.CheckConstraint("id = 1", name="arrival_once"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO arrival (id) VALUES (1)")
        _run(SQLITE.format(name="invite_announced", event="INSERT", condition=""))
        when = f"WHEN {changed('sqlite')}"
        _run(SQLITE.format(name="invite_reannounced", event="UPDATE", condition=when))
    else:
        _replace(statement.replace(END, ANNOUNCE + END) for statement in _before())
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0008')")


def downgrade() -> None:
    """Announce nothing."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0008'")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER invite_announced")
        op.execute("DROP TRIGGER invite_reannounced")
    else:
        _replace(_before())
    op.drop_table("arrival")


def _before() -> Iterator[str]:
    """Return the statements that make the functions as they were."""
    contract = Path(__file__).with_name("0005_contract_postgresql.sql").read_text(encoding="utf-8")
    for statement in filled_in(contract, "postgresql").split("-- ;;"):
        if any(f"CREATE OR REPLACE FUNCTION {name}()" in statement for name in FUNCTIONS):
            yield statement.strip() + "\n"


def _replace(statements: Iterator[str]) -> None:
    # The functions keep this path, and look among a caller's temporary tables last, not first.
    op.execute("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    for statement in statements:
        _run(statement)


def _run(statement: str) -> None:
    op.execute(sa.text(statement.replace(":", "\\:")))
