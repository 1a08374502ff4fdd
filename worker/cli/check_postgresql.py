"""Check a PostgreSQL server: how it is reached, and whether it keeps what it has confirmed."""

from collections.abc import Iterator

import sqlalchemy as sa

from worker.cli.findings import Finding, ok, warn
from worker.database import Database
from worker.database.postgresql import is_pooled

# Nothing that a transaction could set by itself: these are the server's, and whoever runs it must.
UNSAFE = {
    "fsync": "a crash of its host loses what was committed, or all of it, and invites are sent twice",
    "full_page_writes": "a crash of its host may leave half-written pages, that is, a damaged database",
}


def findings(database: Database) -> Iterator[Finding]:
    """Yield what is to be known of the server; nothing for SQLite."""
    if database.is_sqlite:
        return
    with database.read() as connection:
        pooled = is_pooled(connection)
        values = {name: connection.execute(_value_of(name)).scalar_one() for name in UNSAFE}
    if pooled:
        yield ok("database: by way of a connection pooler; each transaction brings what it needs")
    for name, meaning in UNSAFE.items():
        if values[name] == "off":
            yield warn(f"database: {name} = off on the server: {meaning}", f"set {name} = on there")


def _value_of(name: str) -> sa.Select[str | None]:
    value: sa.ColumnElement[str | None] = sa.func.current_setting(name, sa.true(), type_=sa.Text())
    return sa.select(value)  # null where the server does not know it
