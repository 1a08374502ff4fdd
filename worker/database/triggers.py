"""The triggers that keep a delivery in step with its invite: each must be there, and fire for all writers."""

from dataclasses import dataclass

import sqlalchemy as sa

from worker import migrations
from worker.database.engine import Database

# Whether it fires for every writer: one of a replica's, or one that is switched off, does not.
_THERE = {
    "sqlite": "SELECT tbl_name AS owner, name, TRUE AS always FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT c.relname AS owner, t.tgname AS name, t.tgenabled = 'A' AS always"
        " FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = current_schema() AND NOT t.tgisinternal"
    ),
}


@dataclass(frozen=True, slots=True)
class Silent:
    """The triggers of this release that do not see everything that is written."""

    missing: list[str]
    switched_off: list[str]  # for some writers at least


def silent(database: Database) -> Silent:
    """Return the triggers that are not as this release made them."""
    with database.read() as connection:
        dialect = connection.dialect.name
        found = connection.execute(sa.text(_THERE[dialect])).all()
    always = {(row.owner, row.name): bool(row.always) for row in found}
    ours = [(table, name) for table, names in migrations.TRIGGERS[dialect].items() for name in names]
    return Silent(
        missing=[name for table, name in ours if (table, name) not in always],
        switched_off=[name for table, name in ours if always.get((table, name)) is False],
    )


def switch_on(connection: sa.Connection) -> None:
    """Let every trigger that is there fire no matter who writes; a restore may have switched that off.

    Nothing is locked where nothing is to be done.
    """
    dialect = connection.dialect.name
    ours = migrations.TRIGGERS[dialect]
    for table, name, always in connection.execute(sa.text(_THERE[dialect])).all():
        if name in ours.get(table, ()) and not always:
            connection.execute(sa.text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"))
