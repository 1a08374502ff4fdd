"""What a connection may do: the scopes of its grant, and whether it may read invites after all."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS, Connection
from worker.connections.states import ConnectionStatus
from worker.connections.store import note_reading
from worker.database import Database
from worker.database.ahead import SLACK_SECONDS, age

WRITE_INVITES = "invites.write"
READ_INVITES = "invites.read"  # so that what became of a doubtful one can be looked up
READ_EMPLOYEES = "employees.read"
# A 403 may have been a role that somebody has repaired since, or Envoy's own trouble.
ASKED_AGAIN_AFTER = timedelta(days=1)


def has_scope(connection: Connection, scope: str) -> bool:
    """Return whether a scope was asked for at consent, and not refused there."""
    return scope in (connection.scopes or "").split()


def may_read(connection: Connection, now: datetime) -> bool:
    """Return whether the scope was asked for, and Envoy has not refused it since yesterday."""
    refused = connection.can_read_invites is False and _is_recent(connection.reading_refused_at, now)
    is_there = connection.status != ConnectionStatus.REMOVED
    return has_scope(connection, READ_INVITES) and not refused and is_there


def reads_invites(database: Database) -> sa.ColumnElement[bool]:
    """Return the same as a condition on table ``connection``."""
    own = CONNECTIONS.c
    scopes = sa.literal(" ") + sa.func.coalesce(own.scopes, "") + " "
    granted = scopes.contains(f" {READ_INVITES} ")
    since = database.later(-ASKED_AGAIN_AFTER.total_seconds())
    recently = (own.reading_refused_at > since) & (own.reading_refused_at <= database.later(SLACK_SECONDS))
    refused = own.can_read_invites.is_(False) & sa.func.coalesce(recently, sa.false())
    return granted & sa.func.coalesce(~refused, sa.true()) & (own.status != ConnectionStatus.REMOVED)


def readers(database: Database) -> set[str]:
    """Return the names of the connections that may read invites."""
    query = sa.select(CONNECTIONS.c.name).where(reads_invites(database))
    with database.read() as connection:
        return set(connection.execute(query).scalars())


def note_that_it_reads(database: Database, connection_id: int) -> None:
    """Forget a refusal, since Envoy has just shown invites; cheap where there was none."""
    refused = sa.select(CONNECTIONS.c.id).where(
        CONNECTIONS.c.id == connection_id, CONNECTIONS.c.can_read_invites.is_(False)
    )
    with database.read() as connection:
        found = connection.execute(refused).scalar()
    if found is not None:
        note_reading(database, connection_id, can_read=True)


def _is_recent(moment: datetime | None, now: datetime) -> bool:
    passed = age(moment, now)
    return passed is not None and passed < ASKED_AGAIN_AFTER
