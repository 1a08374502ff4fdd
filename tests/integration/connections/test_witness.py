"""What is stored of Envoy's clock: rarely, and both clocks of one moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from worker.connections.witness import Sighting, Witness, apart
from worker.database import Database
from worker.envoy.server_clock import ServerClock

ENVOY = datetime(2031, 3, 1, 9, tzinfo=UTC)
SAID = {"Date": "Sat, 01 Mar 2031 09:00:00 GMT"}


class Times:
    """A database's clock and a boot clock, turned by hand; and how many statements there were."""

    def __init__(self, database_url: str) -> None:
        """Begin with both at one moment."""
        self.now, self.boot, self.statements = ENVOY, 0.0, 0
        self.database = Database(database_url, clock=lambda: self.now)
        self.envoy_clock = ServerClock(clock=lambda: self.boot)
        self.witness = Witness(self.database, "envoy.test", self.envoy_clock, clock=lambda: self.boot)
        sa.event.listen(self.database.engine, "before_cursor_execute", self._count)

    def go_on(self, seconds: float) -> None:
        """Let time pass, by both clocks."""
        self.now += timedelta(seconds=seconds)
        self.boot += seconds

    def _count(self, *_: object) -> None:
        self.statements += 1


@pytest.fixture
def times(database_url: str) -> Iterator[Times]:
    """Give the clocks of a worker that has seen an answer."""
    made = Times(database_url)
    made.envoy_clock.see(SAID)
    yield made
    made.database.dispose()


def test_it_is_kept_once_an_hour_and_costs_nothing_until_then(times: Times) -> None:
    """The time that went by since the answer is added: both clocks are of the moment that is stored."""
    times.go_on(30)
    times.witness.keep_if_old()
    first, before = times.witness.look(), times.statements
    times.go_on(3000)
    for _ in range(10):
        times.witness.keep_if_old()
    idle = times.statements - before
    times.go_on(700)
    times.witness.keep_if_old()

    assert (first.envoy_time, first.seen_at) == (ENVOY + timedelta(seconds=30),) * 2
    assert idle == 0
    assert times.witness.look().seen_at == ENVOY + timedelta(seconds=3730)


def test_what_another_process_has_just_stored_is_left(times: Times) -> None:
    """Many short processes write it no more often than one long one."""
    times.witness.keep()
    times.go_on(600)

    Witness(times.database, "envoy.test", times.envoy_clock, clock=lambda: times.boot).keep_if_old()

    assert times.witness.look().seen_at == ENVOY


def test_nothing_seen_is_nothing_stored(database_url: str) -> None:
    """Nor is anything confirmed."""
    times = Times(database_url)
    times.witness.keep_if_old()
    times.witness.keep()
    sighting = times.witness.look()
    times.database.dispose()

    assert (sighting.envoy_time, sighting.is_young, sighting.agrees) == (None, False, False)


def test_what_is_forgotten_confirms_nothing(times: Times) -> None:
    """Until Envoy is seen again."""
    times.witness.keep()
    before = times.witness.look().agrees
    times.witness.forget()

    assert (before, times.witness.look().agrees) == (True, False)


@pytest.mark.parametrize(
    ("age_hours", "ahead_hours", "agrees"),
    [(0, 0, True), (23.9, 0.9, True), (23.9, -0.9, True), (24.1, 0, False), (1, 1.1, False), (1, -1.1, False),
     (-1, 0, False)],
)  # fmt: skip
def test_it_confirms_for_a_day_and_to_an_hour(age_hours: float, ahead_hours: float, *, agrees: bool) -> None:
    """What was seen in the future was seen by a clock that was wrong."""
    seen_at = ENVOY - timedelta(hours=age_hours)
    sighting = Sighting(ENVOY, seen_at - timedelta(hours=ahead_hours), seen_at)

    assert sighting.agrees is agrees


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(45, "45 s ahead of"), (-45, "45 s behind"), (600, "10 minutes ahead of"), (7300, "2 hours ahead of"),
     (-315_360_000, "3,650 days behind")],
)  # fmt: skip
def test_how_far_apart_is_told_in_plain_words(seconds: float, told: str) -> None:
    """Nobody counts ten years in seconds."""
    assert apart(seconds) == told
