"""Envoy's clock as a witness of the database's, for what cannot be undone.

What an answer told is stored beside the database's own time at that moment: now and then after a run, and
whenever somebody wants to know.  So both are of one moment, whatever either clock did since.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worker.clock import boot_clock
from worker.connections.model import HOSTS
from worker.connections.usable.host_outage import register
from worker.database import Database
from worker.database.ahead import age
from worker.database.repeating import repeated
from worker.envoy.server_clock import DAY_SECONDS, ServerClock
from worker.errors import ClockDoubted, ExitCode

AGREES_SECONDS = 3600.0
KEPT_SECONDS = 3600.0  # what is stored is replaced when it is older
UNITS = ((2 * DAY_SECONDS, DAY_SECONDS, "days"), (7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"))


@dataclass(frozen=True, slots=True)
class Sighting:
    """What both clocks said when Envoy's was last seen, None if it never was; and the time now."""

    now: datetime
    envoy_time: datetime | None
    seen_at: datetime | None

    @property
    def is_young(self) -> bool:
        """Whether it is of the last day."""
        passed = age(self.seen_at, self.now)
        return self.envoy_time is not None and passed is not None and passed.total_seconds() <= DAY_SECONDS

    @property
    def ahead_seconds(self) -> float:
        """How far the database's clock was ahead of Envoy's; 0 where nothing was seen."""
        if self.seen_at is None or self.envoy_time is None:
            return 0.0
        return (self.seen_at - self.envoy_time).total_seconds()

    @property
    def agrees(self) -> bool:
        """Whether it is young, and the clocks were no hour apart."""
        return self.is_young and abs(self.ahead_seconds) <= AGREES_SECONDS


class Witness:
    """What is stored of Envoy's clock, for one host; shared by all threads."""

    def __init__(
        self,
        database: Database,
        host: str,
        envoy_clock: ServerClock,
        *,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Look at nothing yet."""
        self._database = database
        self._host = host
        self._envoy_clock = envoy_clock
        self._clock = clock
        self._looked_at: float | None = None

    def keep_if_old(self) -> None:
        """Store what was seen where that which is stored is old; for the end of any run: it rarely looks."""
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < KEPT_SECONDS:
            return
        if self._envoy_clock.now() is None:
            return
        self._looked_at = now
        stored = self.look()
        passed = age(stored.seen_at, stored.now)
        if passed is None or passed.total_seconds() >= KEPT_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Store Envoy's time, where an answer of the last day told it to this process."""
        if (envoy_time := self._envoy_clock.now()) is not None:
            self._store(envoy_time, self._database.now())

    def forget(self) -> None:
        """Let what is stored confirm nothing any more: it was seen before the clock jumped."""
        self._store(None, None)

    def look(self) -> Sighting:
        """Return what is stored."""
        own = HOSTS.c
        time = sa.select(self._database.now().label("now")).subquery()
        query = sa.select(time.c.now, own.envoy_time, own.envoy_time_seen_at).outerjoin_from(
            time, HOSTS, own.name == self._host
        )
        with self._database.read() as connection:
            return Sighting(*connection.execute(query).one())

    @repeated
    def _store(self, envoy_time: datetime | None, seen_at: sa.ColumnElement[datetime] | None) -> None:
        values = {"envoy_time": envoy_time, "envoy_time_seen_at": seen_at}
        with self._database.write() as connection:
            register(connection, self._host)
            connection.execute(sa.update(HOSTS).where(HOSTS.c.name == self._host).values(**values))


def require_not_behind(database: Database, now: datetime, consequence: str) -> None:
    """Return where Envoy's clock was never seen well ahead of a time that the database's told.

    For that no answer is needed.

    Raises:
        ClockDoubted: it was, so the database's clock was put back since, or was wrong then; *consequence*
            says what was left undone.
    """
    newest = sa.select(sa.func.max(HOSTS.c.envoy_time)).scalar_subquery()
    with database.read() as connection:
        envoy_time = connection.execute(sa.select(newest)).scalar()
    behind = 0.0 if envoy_time is None else (now - envoy_time).total_seconds()
    if behind < -AGREES_SECONDS:
        raise ClockDoubted(
            f"the database's clock is {apart(behind)} what Envoy's was; {consequence}",
            hint="let all hosts keep time (NTP); `envoy-worker check` compares the clocks",
            error_code="clock_disagrees",
            exit_code=ExitCode.TRY_LATER,
        )


def apart(ahead_seconds: float) -> str:
    """Say how far one clock is ahead of another: 3,652 days ahead of."""
    size, side = abs(ahead_seconds), "ahead of" if ahead_seconds > 0 else "behind"
    for least, unit, name in UNITS:
        if size >= least:
            return f"{size / unit:,.0f} {name} {side}"
    return f"{size:.0f} s {side}"
