"""The rows of table ``connection``, read whole."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS, Connection
from worker.database import Database
from worker.database.statements.built_once import built_once
from worker.database.statements.loaded import loaded

# The directory's; named here, since what it holds must go in one transaction with the grant it came by.
EMPLOYEES = sa.table("employee", sa.column("connection_id"))


def look(database: Database, connection_id: int) -> tuple[Connection | None, datetime]:
    """Return a connection as it is stored now, None if it is gone; and the database's time."""
    with database.read() as connection:
        return look_in(connection, database, connection_id)


def look_in(
    reader: sa.Connection, database: Database, connection_id: int
) -> tuple[Connection | None, datetime]:
    """Do the same in the caller's transaction."""
    found = dict(reader.execute(_look(database), {"connection_id": connection_id}).mappings().one())
    now: datetime = found.pop("database_time")
    return (loaded(Connection, found) if found["id"] is not None else None), now


@built_once
def _look(database: Database) -> sa.Select[Any]:
    # An outer join to one row of time, so that a row that is gone still tells the time.
    time = sa.select(database.now().label("database_time")).subquery()
    by_id = CONNECTIONS.c.id == sa.bindparam("connection_id")
    return sa.select(time, CONNECTIONS).outerjoin_from(time, CONNECTIONS, by_id)


def locked(connection: sa.Connection, connection_id: int) -> Connection | None:
    """Return a connection and keep others from changing it until the transaction ends.

    SQLite has no row locks and needs none: a writing transaction is alone there.
    """
    return select_one(connection, CONNECTIONS.c.id == connection_id, lock=True)


def select_one(
    connection: sa.Connection, where: sa.ColumnElement[bool], *, lock: bool = False
) -> Connection | None:
    """Return the connection that *where* finds."""
    query = sa.select(CONNECTIONS).where(where)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else loaded(Connection, row)


def change(connection: sa.Connection, where: sa.ColumnElement[bool], **values: object) -> bool:
    """Update what *where* finds; return whether it found a row."""
    return connection.execute(sa.update(CONNECTIONS).where(where).values(**values)).rowcount > 0


def forget_employees(connection: sa.Connection, connection_id: int | None) -> None:
    """Drop what Envoy said about employees: another grant may be told something else, or nothing."""
    connection.execute(sa.delete(EMPLOYEES).where(EMPLOYEES.c.connection_id == connection_id))


def clock_of(connection: sa.Connection, database: Database) -> datetime:
    """Return the database's time within a transaction."""
    return connection.execute(sa.select(database.now())).scalar_one()
