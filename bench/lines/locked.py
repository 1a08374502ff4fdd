"""A caller's transaction that stays open over the rows of one customer, whom Envoy throttles."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from bench.databases import Databases
from bench.ground import Ground
from bench.lines.beside import LATENCY, SETTINGS, Beside
from bench.measuring import Running
from bench.size import Size
from bench.stand_in import StandIn, stand_in
from bench.table import Line, Target

OTHERS = 10
STARTS_WITHIN = 30.0
SLOW = 2.0  # seconds until the 429 comes: all senders are in its requests, and the rows are locked, before
TARGET = Target(0.9)
_LOCK = "UPDATE invite SET notes = 'changed' WHERE connection = 'locked'"
_STUCK = "SELECT count(*) FROM delivery WHERE connection = 'locked' AND status = 'sending'"


def locked(size: Size, databases: Databases) -> Iterator[Line]:
    """Measure the others with and without the transaction; on PostgreSQL, for SQLite locks whole files."""
    alone, _ = _speed(size, databases, open_transaction=False)
    beside, stuck = _speed(size, databases, open_transaction=True)
    yield Line(
        f"an open transaction over {size.beside_rows} rows of one customer, with a 429: invites a second of"
        f" {OTHERS} others",
        f"{beside:.1f} ({stuck} verdicts waited)",
        f"{alone:.1f} (with the 429 alone)",
        ratio=beside / alone,
        target=TARGET,
    )


def _speed(size: Size, databases: Databases, *, open_transaction: bool) -> tuple[float, int]:
    rows = 2 * size.beside_rows
    with stand_in(LATENCY) as place:
        ground = Ground(databases, "postgresql", place, **SETTINGS)
        companies = ground.connect([f"other-{one}" for one in range(OTHERS)])
        ground.add(rows // OTHERS)
        caller = _Caller(ground, place, size.beside_rows)
        beside = Beside(ground, companies, rows // OTHERS * OTHERS)
        speed, _ = beside.speed(size.limit, caller.lock) if open_transaction else beside.speed(size.limit)
        ground.check(whole=False)
    return speed, caller.stuck


class _Caller:
    """Locks the rows of its customer as soon as some of them are on their way."""

    def __init__(self, ground: Ground, place: StandIn, rows: int) -> None:
        self._ground = ground
        self._place = place
        self.stuck = 0
        company = ground.connect(["locked"])[0]
        ground.add(rows, "locked")
        place.order(latency=LATENCY, throttled=[company], slow={company: SLOW})

    @contextmanager
    def lock(self, running: Running) -> Iterator[None]:
        running.until(lambda: bool(self._place.ledger().counts.get("throttled")), STARTS_WITHIN)
        time.sleep(SLOW / 2)
        with self._ground.engine.connect() as connection:
            connection.execute(sa.text(_LOCK))
            time.sleep(SLOW)  # the answers have come by then
            self.stuck = int(self._ground.rows(_STUCK)[0][0])
            if not self.stuck:
                raise SystemExit("no verdict waits for the caller's transaction: nothing was measured")
            yield
