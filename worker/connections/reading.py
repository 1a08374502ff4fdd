"""Whether a connection may read invites, and so look up what became of a doubtful one."""

import sqlalchemy as sa

from worker.connections.model import Connection, ConnectionStatus
from worker.connections.rows import CONNECTIONS
from worker.database import Database

READ_INVITES = "invites.read"
REMOVED = ConnectionStatus.REMOVED


def may_read(connection: Connection) -> bool:
    """Say whether the scope was asked for, and Envoy has not refused it since."""
    granted = READ_INVITES in (connection.scopes or "").split()
    return granted and connection.can_read_invites is not False and connection.status != REMOVED


def reads_invites() -> sa.ColumnElement[bool]:
    """Return the same as a condition on table ``connection``."""
    own = CONNECTIONS.c
    scopes = sa.literal(" ") + sa.func.coalesce(own.scopes, "") + " "
    granted = scopes.contains(f" {READ_INVITES} ")
    return granted & own.can_read_invites.is_not(False) & (own.status != REMOVED)


def readers(database: Database) -> set[str]:
    """Return the names of the connections that may read invites."""
    query = sa.select(CONNECTIONS.c.name).where(reads_invites())
    with database.read() as connection:
        return set(connection.execute(query).scalars())
