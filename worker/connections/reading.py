"""Whether a connection may read invites, and so look up what became of a doubtful one."""

import sqlalchemy as sa

from worker.connections.model import Connection
from worker.connections.rows import CONNECTIONS

READ_INVITES = "invites.read"


def may_read(connection: Connection) -> bool:
    """Say whether the scope was asked for, and Envoy has not refused it since."""
    return connection.can_read_invites is not False and READ_INVITES in (connection.scopes or "").split()


def reads_invites() -> sa.ColumnElement[bool]:
    """Return the same as a condition on table ``connection``."""
    own = CONNECTIONS.c
    scopes = sa.literal(" ") + sa.func.coalesce(own.scopes, "") + " "
    return own.can_read_invites.is_not(False) & scopes.contains(f" {READ_INVITES} ")
