"""Leases while a wall clock is set: no refresh token goes out twice, and none is kept back for long."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import Tokens
from worker.connections.tokens.refresh.lease_ends import signed
from worker.database.owner import this_boot_clock
from worker.errors import TryLater

THEIRS = "another-host/77/1#lease"
HOURS = timedelta(hours=3)


class Ticks:
    """A clock since boot that stands still until it is turned."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        """Return the seconds that it shows."""
        return self.seconds


def impatient(worker: WorkerWithTokenEndpoint, lease_clock: Callable[[], float]) -> Tokens:
    """Return what another process would have that does not wait for a lease."""
    return worker.tokens("host/9/9", patience_seconds=0, lease_clock=lease_clock)


@pytest.mark.parametrize("jump", [-7200.0, -120.0, 7200.0])
def test_no_jump_of_the_databases_clock_gives_a_live_lease_away(
    worker: WorkerWithTokenEndpoint, jump: float
) -> None:
    """While one process has its request on the way, another one of this host posts nothing."""
    number = worker.connect()
    worker.clock.advance(4000)
    asked, finish = threading.Event(), threading.Event()
    worker.once(asked.set, lambda: finish.wait(10))

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(worker.tokens("host/1/1").access, number)
        assert asked.wait(10)
        worker.clock.advance(jump)
        with pytest.raises(TryLater):
            worker.tokens("host/2/2", patience_seconds=0).access(number, rejected_version=1)
        finish.set()

        assert holder.result(20).version == 2

    assert worker.endpoint.reused == 0
    assert len(worker.endpoint.posted) == 1


def test_on_one_host_a_lease_ends_by_the_clock_since_boot(worker: WorkerWithTokenEndpoint) -> None:
    """Its holder lives and says nothing: it is over after its length, whatever the time of day."""
    number = worker.connect()
    ticks = Ticks()
    worker.change(lease_owner=signed("host/1/1#lease", ticks() + 90), lease_until=worker.clock() + HOURS)

    ticks.seconds += 89
    with pytest.raises(TryLater):
        impatient(worker, ticks).access(number, rejected_version=1)
    ticks.seconds += 2

    assert impatient(worker, ticks).access(number, rejected_version=1).version == 2


def test_an_odd_lease_of_another_host_is_waited_for(worker: WorkerWithTokenEndpoint) -> None:
    """One that ends later than any lease can may be a live one: it must be seen unchanged for its length."""
    number = worker.connect()
    worker.change(lease_owner=THEIRS, lease_until=worker.clock() + HOURS)
    ticks = Ticks()
    tokens = impatient(worker, ticks)

    for _ in range(3):
        with pytest.raises(TryLater):
            tokens.access(number, rejected_version=1)
        ticks.seconds += 29
    assert worker.endpoint.posted == []
    ticks.seconds += 4

    assert tokens.access(number, rejected_version=1).version == 2
    assert worker.row().lease_owner is None


def test_an_odd_lease_that_changes_is_a_live_one(worker: WorkerWithTokenEndpoint) -> None:
    """The one that took it again has its whole length again."""
    number = worker.connect()
    ticks = Ticks()
    tokens = impatient(worker, ticks)

    for turn in range(4):
        worker.change(lease_owner=f"{THEIRS}-{turn}", lease_until=worker.clock() + HOURS)
        with pytest.raises(TryLater):
            tokens.access(number, rejected_version=1)
        ticks.seconds += 60

    assert worker.endpoint.posted == []


def test_processes_that_live_shortly_wait_together(worker: WorkerWithTokenEndpoint) -> None:
    """Each run by hand gives up soon and says so; what it saw is stored, so that the wait ends."""
    number = worker.connect()
    worker.change(lease_owner=THEIRS, lease_until=worker.clock() + HOURS)
    ticks = Ticks()

    for _ in range(3):
        with pytest.raises(TryLater):
            impatient(worker, ticks).access(number, rejected_version=1)
        ticks.seconds += 29
    assert worker.endpoint.posted == []
    ticks.seconds += 4

    assert impatient(worker, ticks).access(number, rejected_version=1).version == 2


def test_what_another_host_saw_is_not_read_as_ours(worker: WorkerWithTokenEndpoint) -> None:
    """Its clock since boot is another one: each counts for itself, and leaves the other's note alone."""
    number = worker.connect()
    note = f"{THEIRS}#another-boot:time:[1]=1.000"
    worker.change(lease_owner=THEIRS, lease_until=worker.clock() + HOURS, lease_watched=note)
    ticks = Ticks()
    tokens = impatient(worker, ticks)

    with pytest.raises(TryLater):
        tokens.access(number, rejected_version=1)
    assert worker.row().lease_watched == note
    ticks.seconds += 91

    assert tokens.access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("end", ["500000.0", "nan", "inf"])
def test_a_note_that_cannot_be_is_made_anew(worker: WorkerWithTokenEndpoint, end: str) -> None:
    """A machine that was set back to a snapshot after it was written does not wait for its former time."""
    number = worker.connect()
    note = f"{THEIRS}#{this_boot_clock()}={end}"
    worker.change(lease_owner=THEIRS, lease_until=worker.clock() + HOURS, lease_watched=note)
    ticks = Ticks()
    with pytest.raises(TryLater):
        impatient(worker, ticks).access(number, rejected_version=1)
    ticks.seconds += 91

    assert impatient(worker, ticks).access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("end", ["5900.0", "nan", "inf", "tomorrow", ""])
def test_a_lease_of_this_host_that_cannot_be_is_odd_as_well(
    worker: WorkerWithTokenEndpoint, end: str
) -> None:
    """A machine that was set back to a snapshot, or somebody's hand: it is waited for, and then over."""
    number = worker.connect()
    owner = f"host/1/1#lease#{this_boot_clock()}={end}"
    worker.change(lease_owner=owner, lease_until=worker.clock() + HOURS)
    ticks = Ticks()
    tokens = impatient(worker, ticks)

    with pytest.raises(TryLater):
        tokens.access(number, rejected_version=1)
    ticks.seconds += 91

    assert tokens.access(number, rejected_version=1).version == 2
