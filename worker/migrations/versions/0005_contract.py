"""The table contract held by the database: triggers that act on what happened, and what each status needs."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from worker.migrations.contract_0005 import RULES, filled_in
from worker.migrations.heal_0005 import heal

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INVITE_TRIGGERS = (
    "invite_numbered", "invite_inserted", "invite_renaming", "invite_replacing", "invite_renamed",
    "invite_changing", "invite_changed", "invite_moved", "invite_retimed", "invite_deleting",
    "invite_deleted", "invite_truncating",
)  # fmt: skip
ALWAYS = {
    "invite": (
        "invite_inserted", "invite_changing", "invite_changed", "invite_moved", "invite_deleted",
        "invite_truncating",
    ),
    "delivery": ("delivery_truncating",),
    "attempt": ("attempt_truncating",),
}  # fmt: skip
GUARDS = {"delivery_inserted": "INSERT", "delivery_changed": "UPDATE"}


def upgrade() -> None:
    """Replace the triggers and the view, and add the checks; the release before runs on it."""
    dialect = op.get_bind().dialect.name
    _drop_triggers(dialect)
    op.add_column("delivery", sa.Column("invite_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE delivery SET invite_id = (SELECT i.id FROM invite AS i"
        " WHERE i.connection = delivery.connection AND i.external_id = delivery.external_id)"
    )
    op.create_index("delivery_invite", "delivery", ["invite_id"])
    heal(op.get_bind())
    _make(filled_in(_file(f"0005_contract_{dialect}.sql"), dialect), dialect)
    _hold_rules(dialect)
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0004')")


def downgrade() -> None:
    """Put back what was there."""
    dialect = op.get_bind().dialect.name
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0004'")
    _drop_triggers(dialect)
    if dialect == "postgresql":
        for name in RULES:
            op.drop_constraint(name, "delivery")
        for name in ("invite_moved", "invite_truncating"):
            op.execute(f"DROP FUNCTION {name}()")
    before = _file(f"0001_contract_{dialect}.sql")
    if dialect == "postgresql":
        for thing in ("FUNCTION", "VIEW"):
            before = before.replace(f"CREATE {thing}", f"CREATE OR REPLACE {thing}")
    _make(before, dialect)
    if dialect == "sqlite":
        _make(_file("0002_contract_sqlite.sql"), dialect)
    op.drop_index("delivery_invite", "delivery")
    op.drop_column("delivery", "invite_id")


def _drop_triggers(dialect: str) -> None:
    """Drop the triggers of any revision, and on SQLite the view; PostgreSQL's is replaced, for its grants."""
    if dialect == "sqlite":
        op.execute("DROP VIEW IF EXISTS invite_status")
        for name in (*INVITE_TRIGGERS, *GUARDS):
            op.execute(f"DROP TRIGGER IF EXISTS {name}")
        return
    for name in INVITE_TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON invite")
    for table in ("delivery", "attempt"):
        op.execute(f"DROP TRIGGER IF EXISTS {table}_truncating ON {table}")


def _make(statements: str, dialect: str) -> None:
    """Make the triggers and the view; a line ``-- ;;`` ends each statement."""
    if dialect == "postgresql":
        # The functions keep this path, and look among a caller's temporary tables last, not first.
        op.execute("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    for statement in statements.split("-- ;;"):
        op.execute(sa.text(statement.strip().replace(":", "\\:")))


def _hold_rules(dialect: str) -> None:
    """Hold what each status needs, and on PostgreSQL let the triggers fire for every writer.

    SQLite would have to copy the whole table for a CHECK, and a caller's OR IGNORE would silence it.
    """
    if dialect == "sqlite":
        for statement in _guards():
            op.execute(statement)
        return
    for name, rule in RULES.items():
        op.create_check_constraint(name, "delivery", rule.format(""))
    for table, names in ALWAYS.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _guards() -> Iterator[str]:
    refusals = " ".join(
        f"SELECT RAISE(ABORT, 'CHECK constraint failed: {name}') WHERE NOT ({rule.format('NEW.')});"
        for name, rule in RULES.items()
    )
    for name, event in GUARDS.items():
        yield f"CREATE TRIGGER {name} AFTER {event} ON delivery BEGIN {refusals} END"


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
