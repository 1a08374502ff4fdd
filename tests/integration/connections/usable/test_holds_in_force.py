"""Holds while they last: what prolongs, replaces or ends them, and who can see them."""

from datetime import timedelta
from itertools import product

import sqlalchemy as sa

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.model import CONNECTIONS
from worker.connections.states import HoldReason
from worker.connections.usable.holds import Holds, is_held
from worker.connections.usable.rules import in_force


def holds(worker: WorkerWithTokenEndpoint, rate: float = 2.0) -> Holds:
    """Return the holds of one process."""
    return Holds(worker.database, hold_seconds=(5.0, 900.0), rate_per_second=rate)


def held_seconds(worker: WorkerWithTokenEndpoint) -> float:
    """Return how long the hold lasts from now on."""
    until = worker.row().held_until
    assert until is not None
    return (until - worker.clock()).total_seconds()


def test_a_longer_retry_after_prolongs_a_hold(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The latest wish of Envoy's that reaches furthest is the one that counts."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)

    guard.throttled(number, 60)
    guard.throttled(number, 300)
    guard.throttled(number, 30)

    assert held_seconds(sqlite_worker) == 300


def test_no_hold_is_longer_than_an_hour(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Whatever Envoy asks for, we look again after an hour."""
    number = sqlite_worker.connect()
    holds(sqlite_worker).throttled(number, 1e9)

    assert held_seconds(sqlite_worker) == 3600


def test_a_success_on_its_way_does_not_end_a_hold(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Only time and the operator end a hold that is in force."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    guard.throttled(number, 60)
    guard.succeeded(number)

    assert held_seconds(sqlite_worker) == 60


def test_a_pause_is_replaced_by_no_other_hold(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """What the operator paused stays paused, whatever requests in flight come back with."""
    number = sqlite_worker.connect()
    store.pause(sqlite_worker.database, "acme")
    guard = holds(sqlite_worker)

    guard.throttled(number, 60)
    guard.outage(number)
    guard.succeeded(number)

    assert (sqlite_worker.row().hold_reason, sqlite_worker.row().held_until) == (HoldReason.PAUSED, None)


def test_a_hold_that_ends_later_than_any_hold_is_over(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """After the clock jumped back by hours, a hold does not last for hours."""
    number = sqlite_worker.connect()
    holds(sqlite_worker).throttled(number, 60)
    sqlite_worker.clock.advance(-7200)

    assert holds(sqlite_worker).is_held(number) is False


def test_the_condition_in_sql_is_the_rule_in_python(worker: WorkerWithTokenEndpoint) -> None:
    """Rows that are read and rows that the database picks are held by the same rule."""
    worker.connect()
    query = sa.select(sa.func.count()).select_from(CONNECTIONS).where(is_held(worker.database))

    for reason, seconds in product([None, *HoldReason], [None, -1, 0, 1, 3600, 3601]):
        until = None if seconds is None else worker.clock() + timedelta(seconds=seconds)
        worker.change(hold_reason=reason, held_until=until)
        with worker.database.read() as connection:
            picked = bool(connection.execute(query).scalar_one())

        assert picked == in_force(worker.row(), worker.clock()), (reason, seconds)


def test_trouble_of_a_connection_that_is_gone_is_no_trouble(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A row that was deleted in between is passed over."""
    guard = holds(sqlite_worker)

    guard.throttled(99, 1)
    guard.outage(99)
    guard.succeeded(99)

    assert [guard.forbidden(99), guard.unauthorised(99, version=1), guard.is_held(99)] == [False] * 3
    assert guard.forbidden_count(99) == 0
