"""One stored pace per connection, for all workers together."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.connections.model import Connection
from worker.connections.rows import CONNECTIONS, change, clock_of, lies_ahead, locked
from worker.database import Database
from worker.database.engine import STEP_SECONDS
from worker.database.repeating import repeated

SLOWEST = 0.1  # requests a second
AHEAD_SECONDS = 60.0
STEPS_BACK = 20  # successes from a standstill to the full pace


class Slots:
    def __init__(self, waits, next_in): self.waits=waits; self.next_in=next_in

def reserve_many(database, connection_id, *, rate_per_second, number=1, within=5.0):
    waits=[]
    for _ in range(number):
        w=reserve(database, connection_id, rate_per_second=rate_per_second)
        if w>within: return Slots(waits,w-within)
        waits.append(w)
    return Slots(waits,0.0)

def give_back(database, connection_id, slots, *, unused): pass

@repeated
def reserve(
    database: Database, connection_id: int, *, rate_per_second: float, now: datetime | None = None
) -> float:
    """Return the seconds until the slot that was just reserved for one request; 0 is now.

    A rate of 0 is no limit, and writes nothing.  More than a minute's slots are not given out:
    a wait above 60 reserved nothing, and is the time to ask again.
    """
    if not rate_per_second:
        return 0.0
    with database.write() as connection:
        row = locked(connection, connection_id)
        if row is None:
            return 0.0
        return _reserve(connection, row, rate_per_second, now or clock_of(connection, database))


def _reserve(connection: sa.Connection, row: Connection, rate: float, now: datetime) -> float:
    interval = 1 / min(rate, row.pace_per_second or rate)
    most_ahead = max(AHEAD_SECONDS, 2 * interval)
    ahead = lies_ahead(row.pace_next_at, now, most_ahead, slack=STEP_SECONDS)
    slot = row.pace_next_at if ahead else None
    wait = (slot - now).total_seconds() if slot else 0.0
    if wait + interval > most_ahead:
        return most_ahead + wait
    following = (slot or now) + timedelta(seconds=interval)
    change(connection, CONNECTIONS.c.id == row.id, pace_next_at=following)
    return wait


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
