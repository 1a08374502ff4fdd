"""Rows that are longer than the table takes by now: they were stored before it knew a bound."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from worker.database import Database

TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'invite%sized'"


@contextmanager
def unguarded(database: Database) -> Iterator[None]:
    """Let the table take what it took before."""
    off, on = _switches(database)
    _run(database, off)
    yield
    _run(database, on)


def long_object(database: Database, size: int) -> str:
    """Return SQL for a JSON object of so many bytes, and a few more."""
    if database.is_sqlite:
        return f"json_object('Purpose', hex(zeroblob({size // 2})))"
    return f"jsonb_build_object('Purpose', repeat('0', {size}))"


def _switches(database: Database) -> tuple[list[str], list[str]]:
    if not database.is_sqlite:
        altered = "ALTER TABLE invite {} TRIGGER invite_sized"
        return [altered.format("DISABLE")], [altered.format("ENABLE ALWAYS")]
    with database.read() as connection:
        triggers = connection.execute(sa.text(TRIGGERS)).all()
    return [f"DROP TRIGGER {one.name}" for one in triggers], [one.sql for one in triggers]


def _run(database: Database, statements: list[str]) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
