"""Grants that nothing has used for long: their refresh tokens die of it."""

import threading
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.rows import clock_of
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.tokens.expiry import AccessToken
from worker.database import Database
from worker.database.ahead import age
from worker.database.failures import AWAY
from worker.errors import EnvoyError, NeedsAuthorisation, TryLater
from worker.report import Report


class Access(Protocol):
    """What refreshes one connection, where its token is the one that is given here."""

    def __call__(self, connection_id: int, *, rejected_version: int | None) -> AccessToken:
        """Return a newer token."""


def refresh_idle(
    database: Database, access: Access, *, max_idle: float, only: str | None, stop: threading.Event
) -> Report:
    """Refresh the idle grants one after the other; return how many were, and what became of the others.

    Raises:
        DatabaseUnreachable, DiskFull: what cannot be stored must not be asked for, so the rest is left.
    """
    report = Report()
    for connection_id, _name, version in idle_grants(database, max_idle=max_idle, only=only):
        if stop.is_set():
            break
        try:
            access(connection_id, rejected_version=version)
        except AWAY:
            raise
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            report.add(_OUTCOMES.get(type(error), "failed"))
            report.trouble(error.exit_code)
        else:
            report.add("refreshed")
    return report


def idle_grants(database: Database, *, max_idle: float, only: str | None) -> list[tuple[int, str, int]]:
    """Return id, name and token version of the grants to refresh now, those that waited longest first.

    Due is what was not refreshed for *max_idle* seconds, or for a quarter of its refresh token's life.
    """
    own = CONNECTIONS.c
    ours = own.hold_reason.is_distinct_from(HoldReason.OTHER_COMPANY)  # else only a consent is of use
    active = sa.select(CONNECTIONS).where(own.status == ConnectionStatus.ACTIVE, ours)
    query = active if only is None else active.where(CONNECTIONS.c.name == only)
    with database.read() as connection:
        now = clock_of(connection, database)
        rows = connection.execute(query.order_by(CONNECTIONS.c.refreshed_at)).mappings().all()
    return [(row["id"], row["name"], row["token_version"]) for row in rows if _is_idle(row, now, max_idle)]


def _is_idle(row: sa.RowMapping, now: datetime, max_idle: float) -> bool:
    if row["refresh_token_enc"] is None:  # there is nothing to refresh by: it ends with its access token
        return row["access_expires_at"] is None or bool(row["access_expires_at"] <= now)
    refreshed_at, ends_at = row["refreshed_at"], row["refresh_expires_at"]
    if age(refreshed_at, now) is None:
        return True  # nobody knows how long ago it was
    longest = max_idle if ends_at is None else min(max_idle, (ends_at - refreshed_at).total_seconds() / 4)
    return bool(now - refreshed_at >= timedelta(seconds=longest))


_OUTCOMES = {NeedsAuthorisation: "needs_authorisation", TryLater: "deferred"}
