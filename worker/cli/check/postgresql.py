"""Check a PostgreSQL server: how it is reached, and whether it keeps what it has confirmed."""

from collections.abc import Iterator

import sqlalchemy as sa

from worker.cli.check.findings import Finding, fail, ok, warn
from worker.database import Database, home
from worker.database.postgresql import texts
from worker.database.postgresql.connecting import is_pooled
from worker.errors import ExitCode

# Nothing that a transaction could set by itself: these are the server's, and anyone who runs it must.
UNSAFE = {
    "fsync": "a crash of its host loses what was committed, or all of it, and invites are sent twice",
    "full_page_writes": "a crash of its host may leave half-written pages, that is, a damaged database",
}

LACKS = "invites with other letters are rejected, and Envoy's names show ? for them: better use UTF8"
ENCODINGS = {texts.NO_ENCODING: "let every caller write UTF-8, or move to a database with the encoding UTF8"}


def findings(database: Database) -> Iterator[Finding]:
    """Yield what is to be known of the server; nothing for SQLite."""
    if database.is_sqlite:
        return
    with database.read() as connection:
        pooled = is_pooled(connection)
        values = {name: connection.execute(_value_of(name)).scalar_one() for name in UNSAFE}
        encoding = texts.encoding(connection.connection.driver_connection)
        limits = home.limits(connection)
        grant = home.what_to_grant(connection)
    if pooled:
        yield ok("database: by way of a connection pooler; each transaction brings what it needs")
    if encoding != texts.UTF8:
        yield warn(f"database: its encoding is {encoding}", ENCODINGS.get(encoding, LACKS))
    if limits.closed:
        yield fail(f"rights: the role may not write {', '.join(limits.closed)}", grant, ExitCode.SETTINGS)
    if limits.hiding:
        yield warn(
            f"rights: row level security applies to the role, on {', '.join(limits.hiding)}",
            "a row that it hides is never sent: let a policy show the role all of them",
        )
    for name, meaning in UNSAFE.items():
        if values[name] == "off":
            yield warn(f"database: {name} = off on the server: {meaning}", f"set {name} = on there")


def _value_of(name: str) -> sa.Select[str | None]:
    value: sa.ColumnElement[str | None] = sa.func.current_setting(name, sa.true(), type_=sa.Text())
    return sa.select(value)  # null where the server does not know it
