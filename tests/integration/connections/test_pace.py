"""The stored pace: all workers together are as slow as one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.integration.connections.support import House
from worker.connections.pace import reserve


def test_slots_follow_each_other_at_the_pace(house: House) -> None:
    """The first is now, each next one an interval later."""
    number = house.connect()

    assert [reserve(house.database, number, rate_per_second=2) for _ in range(4)] == [0, 0.5, 1, 1.5]


def test_slots_come_back_with_time(small_house: House) -> None:
    """Time that has passed is not owed: nothing is saved up for a burst."""
    number = small_house.connect()
    for _ in range(4):
        reserve(small_house.database, number, rate_per_second=2)
    small_house.clock.advance(100)

    assert [reserve(small_house.database, number, rate_per_second=2) for _ in range(2)] == [0, 0.5]


def test_workers_share_one_pace(house: House) -> None:
    """Twenty reservations at once take twenty different slots."""
    number = house.connect()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: reserve(house.database, number, rate_per_second=10), range(20)))

    assert sorted(waits) == pytest.approx([index / 10 for index in range(20)])


def test_no_limit_writes_nothing(small_house: House) -> None:
    """A rate of 0 is no limit and leaves no trace."""
    number = small_house.connect()

    assert reserve(small_house.database, number, rate_per_second=0) == 0
    assert small_house.row().pace_next_at is None


def test_a_cut_pace_is_obeyed(small_house: House) -> None:
    """After trouble the stored pace counts, not the setting."""
    number = small_house.connect()
    small_house.change(pace_per_second=0.5)

    assert [reserve(small_house.database, number, rate_per_second=2) for _ in range(3)] == [0, 2, 4]


def test_more_than_a_minutes_slots_are_not_given_out(small_house: House) -> None:
    """Whoever is told more than a minute has reserved nothing, so the pace stays true."""
    number = small_house.connect()
    waits = [reserve(small_house.database, number, rate_per_second=0.1) for _ in range(10)]

    assert waits[:6] == [0, 10, 20, 30, 40, 50]
    assert all(wait > 60 for wait in waits[6:])
    small_house.clock.advance(10)
    assert reserve(small_house.database, number, rate_per_second=0.1) == 50


def test_a_very_slow_setting_is_still_a_pace(small_house: House) -> None:
    """One request in a hundred seconds is what it says."""
    number = small_house.connect()

    assert [reserve(small_house.database, number, rate_per_second=0.01) for _ in range(2)] == [0, 100]


def test_a_slot_far_ahead_comes_from_a_wrong_clock(house: House) -> None:
    """After a jump back in time nobody waits for hours."""
    number = house.connect()
    house.change(pace_next_at=house.clock() + timedelta(hours=3))

    assert reserve(house.database, number, rate_per_second=2) == 0


def test_a_connection_that_is_gone_has_no_pace(small_house: House) -> None:
    """There is nothing to wait for."""
    assert reserve(small_house.database, 99, rate_per_second=2) == 0
