"""One stored pace per connection, for all workers together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.database import Database
from worker.database.ahead import STEP_SECONDS, lies_ahead
from worker.database.repeating import repeated
from worker.database.statements.built_once import built_once

SLOWEST = 0.1  # requests a second
AHEAD_SECONDS = 60.0
WITHIN_SECONDS = 5.0
LOCKED_SECONDS = 0.1  # until a row that somebody else has locked is asked again
LOCKED_TIMES = 50
STEPS_BACK = 20  # successes from a standstill to the full pace


@dataclass(frozen=True, slots=True)
class Slots:
    """Places in a connection's pace that were reserved, in seconds from then; 0 is at once."""

    waits: tuple[float, ...] = ()
    next_in: float = 0.0  # seconds until it makes sense to ask for more
    following: datetime | None = None  # the next place, as it was stored
    interval: float = 0.0

    @property
    def is_locked(self) -> bool:
        """Whether somebody else had locked the row, so that nobody knows."""
        return not self.interval and not self.waits


@repeated
def reserve(
    database: Database,
    connection_id: int,
    *,
    rate_per_second: float,
    number: int = 1,
    within: float = WITHIN_SECONDS,
) -> Slots:
    """Reserve up to *number* places that come within so many seconds, a minute's at most; there may be none.

    A rate of 0 is no limit, and writes nothing.
    """
    if not rate_per_second:
        return Slots((0.0,) * number)
    with database.write() as connection:
        return reserve_in(connection, database, connection_id, rate_per_second, number, within)


def reserve_in(
    connection: sa.Connection,
    database: Database,
    connection_id: int,
    rate_per_second: float,
    number: int,
    within: float = WITHIN_SECONDS,
) -> Slots:
    """Do the same in the caller's transaction, with a rate above 0; never waits for a row that is locked."""
    row = connection.execute(_look(database), {"connection_id": connection_id}).one_or_none()
    if row is None:
        return Slots(next_in=LOCKED_SECONDS)
    rate = min(rate_per_second, row.pace_per_second or rate_per_second)
    slots = _places(row.pace_next_at, row.now, 1 / rate, number, within)
    if slots.waits:
        connection.execute(_KEEP, {"connection_id": connection_id, "following": slots.following})
    return slots


def reserve_one(
    database: Database, connection_id: int, *, rate_per_second: float, pause: Callable[[float], object]
) -> float | None:
    """Return the seconds until one place that is reserved; None if there is none within a minute.

    *pause* waits while somebody else has locked the row; where it returns something true, that is the end.
    """
    for _ in range(LOCKED_TIMES):
        slots = reserve(
            database, connection_id, rate_per_second=rate_per_second, number=1, within=AHEAD_SECONDS
        )
        if slots.waits:
            return slots.waits[0]
        if slots.next_in > LOCKED_SECONDS or pause(slots.next_in):
            break
    return None


@repeated
def give_back(database: Database, connection_id: int, slots: Slots, unused: int) -> bool:
    """Return the last *unused* places, unless somebody has reserved since; say whether it was done."""
    if slots.following is None or not unused:
        return False
    following = slots.following - timedelta(seconds=slots.interval * unused)
    with database.write() as connection:
        row = connection.execute(_look(database), {"connection_id": connection_id}).one_or_none()
        if row is None or row.pace_next_at != _as_stored(slots.following, database):
            return False
        connection.execute(_KEEP, {"connection_id": connection_id, "following": following})
    return True


def _places(stored: datetime | None, now: datetime, interval: float, number: int, within: float) -> Slots:
    """Return the places from the stored one on, or from now; a place too far ahead is a wrong clock's."""
    most_ahead = max(AHEAD_SECONDS, 2 * interval)
    first = stored if stored and lies_ahead(stored, now, most_ahead, slack=STEP_SECONDS) else now
    wait = (first - now).total_seconds()
    latest = min(within, most_ahead - interval)
    count = min(number, int((latest - wait) / interval + 1e-9) + 1) if wait <= latest else 0
    following = first + timedelta(seconds=count * interval)
    return Slots(
        waits=tuple(wait + index * interval for index in range(count)),
        next_in=max(0.0, wait + count * interval - latest),
        following=following if count else None,
        interval=interval,
    )


def _as_stored(moment: datetime, database: Database) -> datetime:
    """Return a moment as it is read back: SQLite keeps milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000) if database.is_sqlite else moment


@built_once
def _look(database: Database) -> sa.Select[Any]:
    own = CONNECTIONS.c
    query = sa.select(own.pace_next_at, own.pace_per_second, database.now().label("now"))
    query = query.where(own.id == sa.bindparam("connection_id"))
    # Not even a key of it is changed, so that rows which refer to it are no hindrance.
    return query if database.is_sqlite else query.with_for_update(skip_locked=True, key_share=True)


_KEEP = (
    sa.update(CONNECTIONS)
    .where(CONNECTIONS.c.id == sa.bindparam("connection_id"))
    .values(pace_next_at=sa.bindparam("following"))
)


def cut(pace: float | None, rate: float) -> float | None:
    """Return half of a pace, where None is the full *rate*; no limit stays none."""
    return max(SLOWEST, (pace or rate) / 2) if rate else None


def cut_in_sql(rate: float) -> sa.ColumnElement[float]:
    """Return the same for every row of a statement."""
    half = sa.func.coalesce(CONNECTIONS.c.pace_per_second, rate) / 2
    return sa.case((half < SLOWEST, SLOWEST), else_=half)


def raised(pace: float | None, rate: float) -> float | None:
    """Return the pace after one more success; None is the full *rate* again."""
    if pace is None or not rate:
        return None
    faster = pace + rate / STEPS_BACK
    return faster if faster < rate else None
