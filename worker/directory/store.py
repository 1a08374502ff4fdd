"""Keep a connection's directory as Envoy last showed it; only what differs is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.rows import locked
from worker.database import Database
from worker.database.repeating import repeated
from worker.directory.entries import Flow, Location
from worker.directory.model import FLOWS, LOCATIONS
from worker.directory.resolve import Directory
from worker.envoy import resources

AT_ONCE = 100  # rows of an INSERT: a library keeps all that it sends until it is answered

# Rows by Envoy's id, in the order of the columns but for the connection.
Rows: TypeAlias = Mapping[str, tuple[object, ...]]
Content: TypeAlias = Mapping[sa.Table, Rows]

# Built once: an hourly round asks them for each connection.
_OF_ONE = {
    table: sa.select(*list(table.c)[1:]).where(table.c.connection_id == sa.bindparam("connection_id"))
    for table in (LOCATIONS, FLOWS)
}

_BY_NAME = {
    table: sa.select(table)
    .where(table.c.connection_id == sa.bindparam("connection_id"))
    .order_by(table.c.name)
    for table in (LOCATIONS, FLOWS)
}
_REFRESHED_AT = sa.select(CONNECTIONS.c.directory_refreshed_at).where(
    CONNECTIONS.c.id == sa.bindparam("connection_id")
)


def load(database: Database, connection_id: int) -> Directory:
    """Return what is known of a connection's locations and flows, in the order of their names."""
    with database.read() as connection:
        return load_in(connection, connection_id)


def load_in(reader: sa.Connection, connection_id: int) -> Directory:
    """Do the same in the caller's transaction."""
    locations = [Location(**row) for row in _entries(reader, LOCATIONS, connection_id)]
    flows = [Flow(**row) for row in _entries(reader, FLOWS, connection_id)]
    refreshed_at = reader.execute(_REFRESHED_AT, {"connection_id": connection_id}).scalar()
    return Directory(locations, flows, refreshed_at)


def content_of(locations: Iterable[resources.Location], flows: Iterable[resources.Flow]) -> Content:
    """Return what Envoy has shown as it is stored."""
    return {
        LOCATIONS: {x.id: (x.id, x.name, x.enabled, x.timezone) for x in locations},
        FLOWS: {x.id: (x.id, x.name, x.enabled, x.type, x.location_id) for x in flows},
    }


def is_stored(database: Database, connection_id: int, content: Content) -> bool:
    """Return whether the directory that is stored is the one that Envoy has shown."""
    with database.read() as connection:
        found = (_difference(connection, table, connection_id, rows) for table, rows in content.items())
        return not any(gone or new for gone, new in found)


@repeated
def replace(database: Database, connection_id: int, content: Content, *, asked_at: datetime) -> None:
    """Store what Envoy has shown, in one transaction; it was asked then, by the database's clock."""
    with database.write() as connection:
        locked(connection, connection_id)  # two who have read it at once: one after the other
        for table, rows in content.items():
            gone, new = _difference(connection, table, connection_id, rows)
            _write(connection, table, connection_id, gone, new)
        connection.execute(
            sa.update(CONNECTIONS)
            .where(CONNECTIONS.c.id == connection_id)
            .values(directory_refreshed_at=asked_at)
        )


@repeated
def note_unchanged(database: Database, asked_at: Mapping[int, datetime]) -> None:
    """Store when Envoy was asked for directories that are as they were, of many connections at once.

    A directory that was stored since by somebody who asked later is left as it is.
    """
    own = CONNECTIONS.c
    asked = sa.bindparam("asked_at", type_=own.directory_refreshed_at.type)
    is_older = own.directory_refreshed_at.is_(None) | (own.directory_refreshed_at <= asked)
    was_ahead = own.directory_refreshed_at > database.now()
    update = (
        sa.update(CONNECTIONS)
        .where(own.id == sa.bindparam("connection_id"), is_older | was_ahead)
        .values(directory_refreshed_at=asked)
    )
    # In the order of their ids, so that two who do this at once cannot wait for each other.
    rows = [{"connection_id": key, "asked_at": asked_at[key]} for key in sorted(asked_at)]
    with database.write() as connection:
        connection.execute(update, rows)


def _difference(
    connection: sa.Connection, table: sa.Table, connection_id: int, rows: Rows
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return the ids that are stored otherwise than *rows* have them, and the rows that are not stored."""
    new, gone = dict(rows), []
    for stored in connection.execute(_OF_ONE[table], {"connection_id": connection_id}):
        if new.get(stored.envoy_id) == tuple(stored):
            del new[stored.envoy_id]
        else:
            gone.append(stored.envoy_id)
    return gone, list(new.values())


def _write(
    connection: sa.Connection,
    table: sa.Table,
    connection_id: int,
    gone: Sequence[str],
    new: Sequence[tuple[object, ...]],
) -> None:
    for start in range(0, len(gone), AT_ONCE):
        is_gone = table.c.envoy_id.in_(gone[start : start + AT_ONCE])
        connection.execute(sa.delete(table).where(table.c.connection_id == connection_id, is_gone))
    names = table.c.keys()
    for start in range(0, len(new), AT_ONCE):
        rows = [dict(zip(names, (connection_id, *row), strict=True)) for row in new[start : start + AT_ONCE]]
        connection.execute(sa.insert(table), rows)


def _entries(connection: sa.Connection, table: sa.Table, connection_id: int) -> Iterator[dict[str, Any]]:
    for row in connection.execute(_BY_NAME[table], {"connection_id": connection_id}).mappings():
        yield {name: resources.shared(row[name]) if name in resources.SHARED else row[name] for name in row}
