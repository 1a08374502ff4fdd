"""Holds while they last: what prolongs, replaces or ends them, and who can see them."""

from datetime import timedelta
from itertools import product

import sqlalchemy as sa

from tests.integration.connections.support import House
from worker.connections import store
from worker.connections.model import CONNECTIONS
from worker.connections.states import HoldReason
from worker.connections.usable.holds import Holds, is_held
from worker.connections.usable.rules import in_force


def holds(house: House, rate: float = 2.0) -> Holds:
    """Return the holds of one process."""
    return Holds(house.database, hold_seconds=(5.0, 900.0), rate_per_second=rate)


def held_seconds(house: House) -> float:
    """Return how long the hold lasts from now on."""
    until = house.row().held_until
    assert until is not None
    return (until - house.clock()).total_seconds()


def test_a_longer_retry_after_prolongs_a_hold(small_house: House) -> None:
    """The latest wish of Envoy's that reaches furthest is the one that counts."""
    number = small_house.connect()
    guard = holds(small_house)

    guard.throttled(number, 60)
    guard.throttled(number, 300)
    guard.throttled(number, 30)

    assert held_seconds(small_house) == 300


def test_no_hold_is_longer_than_an_hour(small_house: House) -> None:
    """Whatever Envoy asks for, we look again after an hour."""
    number = small_house.connect()
    holds(small_house).throttled(number, 1e9)

    assert held_seconds(small_house) == 3600


def test_a_success_on_its_way_does_not_end_a_hold(small_house: House) -> None:
    """Only time and the operator end a hold that is in force."""
    number = small_house.connect()
    guard = holds(small_house)
    guard.throttled(number, 60)
    guard.succeeded(number)

    assert held_seconds(small_house) == 60


def test_a_pause_is_replaced_by_no_other_hold(small_house: House) -> None:
    """What the operator paused stays paused, whatever requests in flight come back with."""
    number = small_house.connect()
    store.pause(small_house.database, "acme")
    guard = holds(small_house)

    guard.throttled(number, 60)
    guard.outage(number)
    guard.succeeded(number)

    assert (small_house.row().hold_reason, small_house.row().held_until) == (HoldReason.PAUSED, None)


def test_a_hold_that_ends_later_than_any_hold_is_over(small_house: House) -> None:
    """After the clock jumped back by hours, a hold does not last for hours."""
    number = small_house.connect()
    holds(small_house).throttled(number, 60)
    small_house.clock.advance(-7200)

    assert holds(small_house).is_held(number) is False


def test_the_condition_in_sql_is_the_rule_in_python(house: House) -> None:
    """Rows that are read and rows that the database picks are held by the same rule."""
    house.connect()
    query = sa.select(sa.func.count()).select_from(CONNECTIONS).where(is_held(house.database))

    for reason, seconds in product([None, *HoldReason], [None, -1, 0, 1, 3600, 3601]):
        until = None if seconds is None else house.clock() + timedelta(seconds=seconds)
        house.change(hold_reason=reason, held_until=until)
        with house.database.read() as connection:
            picked = bool(connection.execute(query).scalar_one())

        assert picked == in_force(house.row(), house.clock()), (reason, seconds)


def test_trouble_of_a_connection_that_is_gone_is_no_trouble(small_house: House) -> None:
    """A row that was deleted meanwhile is passed over."""
    guard = holds(small_house)

    guard.throttled(99, 1)
    guard.outage(99)
    guard.succeeded(99)

    assert [guard.forbidden(99), guard.unauthorised(99, version=1), guard.is_held(99)] == [False] * 3
    assert guard.forbidden_count(99) == 0
