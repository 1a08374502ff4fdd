"""Keep a connection's directory: replaced whole, so that what Envoy no longer has is gone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.connections.model import Connection
from worker.connections.rows import locked
from worker.database import Database
from worker.database.repeating import repeated
from worker.directory import model
from worker.directory.entries import Flow, Location
from worker.directory.resolve import Directory
from worker.envoy import resources

LOCATIONS = SQLModel.metadata.tables[str(model.Location.__tablename__)]
FLOWS = SQLModel.metadata.tables[str(model.Flow.__tablename__)]
CONNECTIONS = SQLModel.metadata.tables[str(Connection.__tablename__)]

AT_ONCE = 100  # rows of an INSERT: a library keeps all that it sends until it is answered


def load(database: Database, connection_id: int) -> Directory:
    """Return what is known of a connection's locations and flows, in the order of their names."""
    with database.read() as connection:
        locations = [Location(**row) for row in _entries(connection, LOCATIONS, connection_id)]
        flows = [Flow(**row) for row in _entries(connection, FLOWS, connection_id)]
        refreshed_at = connection.execute(
            sa.select(CONNECTIONS.c.directory_refreshed_at).where(CONNECTIONS.c.id == connection_id)
        ).scalar()
    return Directory(locations, flows, refreshed_at)


def replace(
    database: Database,
    connection_id: int,
    locations: Iterable[resources.Location],
    flows: Iterable[resources.Flow],
) -> None:
    """Store what Envoy has just shown, in one transaction."""
    location_rows = [
        {"connection_id": connection_id, "envoy_id": x.id, "name": x.name, "enabled": x.enabled,
         "timezone": x.timezone}
        for x in locations
    ]  # fmt: skip
    flow_rows = [
        {"connection_id": connection_id, "envoy_id": x.id, "name": x.name, "enabled": x.enabled,
         "type": x.type, "location_id": x.location_id}
        for x in flows
    ]  # fmt: skip
    _replace(database, connection_id, {LOCATIONS: location_rows, FLOWS: flow_rows})


@repeated
def _replace(
    database: Database, connection_id: int, content: Mapping[sa.Table, Sequence[Mapping[str, object]]]
) -> None:
    with database.write() as connection:
        locked(connection, connection_id)  # two who have read it at once: one after the other
        for table, rows in content.items():
            connection.execute(sa.delete(table).where(table.c.connection_id == connection_id))
            for start in range(0, len(rows), AT_ONCE):
                connection.execute(sa.insert(table), rows[start : start + AT_ONCE])
        connection.execute(
            sa.update(CONNECTIONS)
            .where(CONNECTIONS.c.id == connection_id)
            .values(directory_refreshed_at=database.now())
        )


def _entries(connection: sa.Connection, table: sa.Table, connection_id: int) -> Iterator[dict[str, Any]]:
    query = sa.select(table).where(table.c.connection_id == connection_id).order_by(table.c.name)
    for row in connection.execute(query).mappings():
        yield {name: resources.shared(row[name]) if name in resources.SHARED else row[name] for name in row}
