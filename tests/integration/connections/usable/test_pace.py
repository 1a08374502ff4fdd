"""The stored pace: all workers together are as slow as one."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.model import CONNECTIONS
from worker.connections.usable.pace import (
    AHEAD_SECONDS,
    LOCKED_SECONDS,
    Slots,
    give_back,
    reserve,
    reserve_one,
)


def reserved(worker: WorkerWithTokenEndpoint, number: int, rate: float) -> float | None:
    """Reserve one place, if there is one within a minute."""
    return reserve_one(worker.database, number, rate_per_second=rate, pause=lambda _: True)


def reserve_patiently(worker: WorkerWithTokenEndpoint, number: int) -> float | None:
    """Reserve one place at ten a second, however often another has the row just then."""
    return reserve_one(worker.database, number, rate_per_second=10, pause=time.sleep)


def test_slots_follow_each_other_at_the_pace(worker: WorkerWithTokenEndpoint) -> None:
    """The first is now, each next one an interval later."""
    number = worker.connect()

    assert [reserved(worker, number, 2) for _ in range(4)] == [0, 0.5, 1, 1.5]


def test_several_places_are_reserved_at_once(worker: WorkerWithTokenEndpoint) -> None:
    """As many as are asked for, while they come soon; and it is said when it makes sense to ask again."""
    number = worker.connect()

    first = reserve(worker.database, number, rate_per_second=2, number=4)
    rest = reserve(worker.database, number, rate_per_second=2, number=100)
    none = reserve(worker.database, number, rate_per_second=2, number=100)

    assert (first.waits, first.next_in) == ((0, 0.5, 1, 1.5), 0)
    assert (rest.waits, rest.next_in) == ((2, 2.5, 3, 3.5, 4, 4.5, 5), 0.5)
    assert (none.waits, none.next_in) == ((), 0.5)
    worker.clock.advance(none.next_in)
    assert reserve(worker.database, number, rate_per_second=2, number=100).waits == (5,)


def test_unused_places_are_given_back(worker: WorkerWithTokenEndpoint) -> None:
    """The next one is then taken as if they had not been reserved."""
    number = worker.connect()
    slots = reserve(worker.database, number, rate_per_second=3, number=5)

    assert give_back(worker.database, number, slots, 3) is True
    assert reserved(worker, number, 3) == pytest.approx(2 / 3, abs=0.002)


def test_places_before_anothers_are_not_given_back(worker: WorkerWithTokenEndpoint) -> None:
    """Somebody has reserved since: his place would come twice."""
    number = worker.connect()
    slots = reserve(worker.database, number, rate_per_second=2, number=4)
    reserve(worker.database, number, rate_per_second=2)

    assert give_back(worker.database, number, slots, 2) is False
    assert give_back(worker.database, number, Slots(), 1) is False
    assert reserved(worker, number, 2) == 2.5


def test_nobody_waits_for_a_row_that_is_locked(postgresql_worker: WorkerWithTokenEndpoint) -> None:
    """A locked row has no place for now; anyone who only refers to it does not hinder."""
    worker = postgresql_worker
    number = worker.connect()
    row = sa.select(CONNECTIONS.c.id).where(CONNECTIONS.c.id == number)

    with worker.database.write() as other:
        other.execute(row.with_for_update())
        locked = reserve(worker.database, number, rate_per_second=2)
    with worker.database.write() as other:
        other.execute(row.with_for_update(read=True, key_share=True))
        referred = reserve(worker.database, number, rate_per_second=2)

    assert (locked.waits, locked.next_in) == ((), LOCKED_SECONDS)
    assert referred.waits == (0,)


def test_a_locked_row_is_asked_again_until_it_is_free(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A row that is not to be had, and one that is gone, end the waiting after a few seconds."""
    pauses: list[float] = []

    assert reserve_one(sqlite_worker.database, 99, rate_per_second=2, pause=pauses.append) is None
    assert 1 < sum(pauses) < 10


def test_slots_come_back_with_time(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Time that has passed is not owed: nothing is saved up for a burst."""
    number = sqlite_worker.connect()
    for _ in range(4):
        reserved(sqlite_worker, number, 2)
    sqlite_worker.clock.advance(100)

    assert [reserved(sqlite_worker, number, 2) for _ in range(2)] == [0, 0.5]


def test_workers_share_one_pace(worker: WorkerWithTokenEndpoint) -> None:
    """Twenty reservations at once take twenty different slots."""
    number = worker.connect()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: reserve_patiently(worker, number), range(20)))

    assert sorted(wait for wait in waits if wait is not None) == pytest.approx(
        [index / 10 for index in range(20)]
    )


def test_no_limit_writes_nothing(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A rate of 0 is no limit and leaves no trace."""
    number = sqlite_worker.connect()

    slots = reserve(sqlite_worker.database, number, rate_per_second=0, number=3)
    assert (slots.waits, slots.next_in) == ((0, 0, 0), 0)
    assert give_back(sqlite_worker.database, number, slots, 3) is False
    assert sqlite_worker.row().pace_next_at is None


def test_a_cut_pace_is_obeyed(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """After trouble the stored pace counts, not the setting."""
    number = sqlite_worker.connect()
    sqlite_worker.change(pace_per_second=0.5)

    assert [reserved(sqlite_worker, number, 2) for _ in range(3)] == [0, 2, 4]


def test_more_than_a_minutes_slots_are_not_given_out(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Anyone who asks for more has reserved nothing, so the pace stays true."""
    number = sqlite_worker.connect()
    asked = [
        reserve(sqlite_worker.database, number, rate_per_second=0.1, within=AHEAD_SECONDS) for _ in range(10)
    ]

    assert [slots.waits for slots in asked] == [(0,), (10,), (20,), (30,), (40,), (50,)] + [()] * 4
    assert asked[-1].next_in == 10
    sqlite_worker.clock.advance(10)
    assert reserved(sqlite_worker, number, 0.1) == 50


def test_a_very_slow_setting_is_still_a_pace(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """One request in a hundred seconds is what it says."""
    number = sqlite_worker.connect()

    asked = [reserve(sqlite_worker.database, number, rate_per_second=0.01, within=100) for _ in range(3)]
    assert [slots.waits for slots in asked] == [(0,), (100,), ()]


def test_a_slot_far_ahead_comes_from_a_wrong_clock(worker: WorkerWithTokenEndpoint) -> None:
    """After a jump back in time nobody waits for hours."""
    number = worker.connect()
    worker.change(pace_next_at=worker.clock() + timedelta(hours=3))

    assert reserved(worker, number, 2) == 0
