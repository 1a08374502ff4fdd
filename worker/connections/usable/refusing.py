"""A host of Envoy's that refuses every row of every customer alike, stored for all workers.

Nothing is sent then but one request at a time, as a trial, each time when the stored moment has come.  One
that goes through ends it, and so does an operator.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from worker.backoff import BackOff
from worker.connections.model import CONNECTIONS, HOSTS, Connection, Host
from worker.connections.rows import clock_of
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable.holds import is_held
from worker.connections.usable.host_outage import register
from worker.connections.usable.moves import announce_refusals
from worker.connections.usable.rules import HOLD_MAXIMUM
from worker.database import Database
from worker.database.ahead import lies_ahead
from worker.database.repeating import repeated

log = structlog.get_logger()

NONE_REFUSED = {"refused_until": None, "refused_count": 0, "refusal": None}


class Refusing:
    """Whether one host refuses all, for all workers together."""

    def __init__(self, database: Database, host: str, *, hold_seconds: tuple[float, float]) -> None:
        """Take the least and the most time between two trials."""
        self.host = host
        self._database = database
        self._back_off = BackOff(*hold_seconds)

    def hold(self, writer: sa.Connection, refusal: str) -> tuple[datetime, int] | None:
        """Hold the host and its connections, in the caller's transaction; None if it is held already.

        Returns until when, and how many connections.
        """
        register(writer, self.host)
        until = self._until(writer, 0)
        own = HOSTS.c
        held = writer.execute(
            sa.update(HOSTS)
            .where(own.name == self.host, own.refused_until.is_(None))
            .values(refused_until=until, refused_since=self._database.now(), refused_count=1, refusal=refusal)
        )
        return (until, self._hold_connections(writer, until)) if held.rowcount else None

    @repeated
    def take_trial(self, seen: Host) -> bool:
        """Take the right to try one request; False where another has tried since the host was *seen*."""
        own = HOSTS.c
        with self._database.write() as writer:
            until = self._until(writer, seen.refused_count)
            taken = writer.execute(
                sa.update(HOSTS)
                .where(own.name == self.host, own.refused_until == seen.refused_until)
                .values(
                    refused_until=until,
                    refused_since=self._database.now(),
                    refused_count=own.refused_count + 1,
                )
            )
            if taken.rowcount:
                self._hold_connections(writer, until)
        return taken.rowcount > 0

    @repeated
    def end(self) -> None:
        """Release everyone, since a request went through."""
        own = HOSTS.c
        with self._database.write() as writer:
            where = (own.name == self.host) & own.refused_until.is_not(None)
            if not _forget(writer, where, self._database):
                return
            number = _release(writer, self._database)
        log.info("connection.released", host=self.host, number=number)

    def _until(self, writer: sa.Connection, count: int) -> datetime:
        seconds = min(self._back_off.jittered(count), HOLD_MAXIMUM)
        return clock_of(writer, self._database) + timedelta(seconds=seconds)

    def _hold_connections(self, writer: sa.Connection, until: datetime) -> int:
        own = CONNECTIONS.c
        free = ~is_held(self._database) | (own.hold_reason == HoldReason.REFUSES_ALL)
        return writer.execute(
            sa.update(CONNECTIONS)
            .where(own.status == ConnectionStatus.ACTIVE, free)
            .values(
                hold_reason=HoldReason.REFUSES_ALL,
                held_until=until,
                held_since=self._database.now(),
                updated_at=self._database.now(),
            )
        ).rowcount


def must_wait(host: Host, connection: Connection, now: datetime) -> bool:
    """Return whether a connection must not even try; one that was resumed, or is new, need not wait."""
    waits = lies_ahead(host.refused_until, now, HOLD_MAXIMUM, since=host.refused_since)
    return waits and connection.hold_reason is not None


def forget_refusals(writer: sa.Connection, database: Database) -> bool:
    """End it for every host, since an operator says so; return whether there was one."""
    return _forget(writer, HOSTS.c.refused_until.is_not(None), database)


def tell(host: str, refusal: str, until: datetime, number: int) -> None:
    """Emit that a host refuses all."""
    announce_refusals(host, int(refusal.partition(":")[0]), until, number)


def _forget(writer: sa.Connection, where: sa.ColumnElement[bool], database: Database) -> bool:
    # What was refused before it ended says nothing about what comes.
    values = {**NONE_REFUSED, "refusals_from": database.now()}
    return writer.execute(sa.update(HOSTS).where(where).values(values)).rowcount > 0


def _release(writer: sa.Connection, database: Database) -> int:
    return writer.execute(
        sa.update(CONNECTIONS)
        .where(CONNECTIONS.c.hold_reason == HoldReason.REFUSES_ALL)
        .values(hold_reason=None, held_until=None, updated_at=database.now())
    ).rowcount
