"""The stored pace: all workers together are as slow as one."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.integration.connections.support import House
from worker.connections.model import CONNECTIONS
from worker.connections.usable.pace import (
    AHEAD_SECONDS,
    LOCKED_SECONDS,
    Slots,
    give_back,
    reserve,
    reserve_one,
)


def reserved(house: House, number: int, rate: float) -> float | None:
    """Reserve one place, if there is one within a minute."""
    return reserve_one(house.database, number, rate_per_second=rate, pause=lambda _: True)


def reserve_patiently(house: House, number: int) -> float | None:
    """Reserve one place at ten a second, however often another has the row just then."""
    return reserve_one(house.database, number, rate_per_second=10, pause=time.sleep)


def test_slots_follow_each_other_at_the_pace(house: House) -> None:
    """The first is now, each next one an interval later."""
    number = house.connect()

    assert [reserved(house, number, 2) for _ in range(4)] == [0, 0.5, 1, 1.5]


def test_several_places_are_reserved_at_once(house: House) -> None:
    """As many as are asked for, while they come soon; and it is said when it makes sense to ask again."""
    number = house.connect()

    first = reserve(house.database, number, rate_per_second=2, number=4)
    rest = reserve(house.database, number, rate_per_second=2, number=100)
    none = reserve(house.database, number, rate_per_second=2, number=100)

    assert (first.waits, first.next_in) == ((0, 0.5, 1, 1.5), 0)
    assert (rest.waits, rest.next_in) == ((2, 2.5, 3, 3.5, 4, 4.5, 5), 0.5)
    assert (none.waits, none.next_in) == ((), 0.5)
    house.clock.advance(none.next_in)
    assert reserve(house.database, number, rate_per_second=2, number=100).waits == (5,)


def test_unused_places_are_given_back(house: House) -> None:
    """The next one is then taken as if they had not been reserved."""
    number = house.connect()
    slots = reserve(house.database, number, rate_per_second=3, number=5)

    assert give_back(house.database, number, slots, 3) is True
    assert reserved(house, number, 3) == pytest.approx(2 / 3, abs=0.002)


def test_places_before_anothers_are_not_given_back(house: House) -> None:
    """Somebody has reserved since: his place would come twice."""
    number = house.connect()
    slots = reserve(house.database, number, rate_per_second=2, number=4)
    reserve(house.database, number, rate_per_second=2)

    assert give_back(house.database, number, slots, 2) is False
    assert give_back(house.database, number, Slots(), 1) is False
    assert reserved(house, number, 2) == 2.5


def test_nobody_waits_for_a_row_that_is_locked(locking_house: House) -> None:
    """A locked row has no place for now; anyone who only refers to it does not hinder."""
    house = locking_house
    number = house.connect()
    row = sa.select(CONNECTIONS.c.id).where(CONNECTIONS.c.id == number)

    with house.database.write() as other:
        other.execute(row.with_for_update())
        locked = reserve(house.database, number, rate_per_second=2)
    with house.database.write() as other:
        other.execute(row.with_for_update(read=True, key_share=True))
        referred = reserve(house.database, number, rate_per_second=2)

    assert (locked.waits, locked.next_in) == ((), LOCKED_SECONDS)
    assert referred.waits == (0,)


def test_a_locked_row_is_asked_again_until_it_is_free(small_house: House) -> None:
    """A row that is not to be had, and one that is gone, end the waiting after a few seconds."""
    pauses: list[float] = []

    assert reserve_one(small_house.database, 99, rate_per_second=2, pause=pauses.append) is None
    assert 1 < sum(pauses) < 10


def test_slots_come_back_with_time(small_house: House) -> None:
    """Time that has passed is not owed: nothing is saved up for a burst."""
    number = small_house.connect()
    for _ in range(4):
        reserved(small_house, number, 2)
    small_house.clock.advance(100)

    assert [reserved(small_house, number, 2) for _ in range(2)] == [0, 0.5]


def test_workers_share_one_pace(house: House) -> None:
    """Twenty reservations at once take twenty different slots."""
    number = house.connect()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: reserve_patiently(house, number), range(20)))

    assert sorted(wait for wait in waits if wait is not None) == pytest.approx(
        [index / 10 for index in range(20)]
    )


def test_no_limit_writes_nothing(small_house: House) -> None:
    """A rate of 0 is no limit and leaves no trace."""
    number = small_house.connect()

    slots = reserve(small_house.database, number, rate_per_second=0, number=3)
    assert (slots.waits, slots.next_in) == ((0, 0, 0), 0)
    assert give_back(small_house.database, number, slots, 3) is False
    assert small_house.row().pace_next_at is None


def test_a_cut_pace_is_obeyed(small_house: House) -> None:
    """After trouble the stored pace counts, not the setting."""
    number = small_house.connect()
    small_house.change(pace_per_second=0.5)

    assert [reserved(small_house, number, 2) for _ in range(3)] == [0, 2, 4]


def test_more_than_a_minutes_slots_are_not_given_out(small_house: House) -> None:
    """Anyone who asks for more has reserved nothing, so the pace stays true."""
    number = small_house.connect()
    asked = [
        reserve(small_house.database, number, rate_per_second=0.1, within=AHEAD_SECONDS) for _ in range(10)
    ]

    assert [slots.waits for slots in asked] == [(0,), (10,), (20,), (30,), (40,), (50,)] + [()] * 4
    assert asked[-1].next_in == 10
    small_house.clock.advance(10)
    assert reserved(small_house, number, 0.1) == 50


def test_a_very_slow_setting_is_still_a_pace(small_house: House) -> None:
    """One request in a hundred seconds is what it says."""
    number = small_house.connect()

    asked = [reserve(small_house.database, number, rate_per_second=0.01, within=100) for _ in range(3)]
    assert [slots.waits for slots in asked] == [(0,), (100,), ()]


def test_a_slot_far_ahead_comes_from_a_wrong_clock(house: House) -> None:
    """After a jump back in time nobody waits for hours."""
    number = house.connect()
    house.change(pace_next_at=house.clock() + timedelta(hours=3))

    assert reserved(house, number, 2) == 0
