"""Holds as the senders bring them about."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.worker_with_token_endpoint import START, WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable.holds import Holds


def holds(worker: WorkerWithTokenEndpoint, rate: float = 2.0) -> Holds:
    """Return the holds of one process."""
    return Holds(worker.database, hold_seconds=(5.0, 900.0), rate_per_second=rate)


def held_seconds(worker: WorkerWithTokenEndpoint) -> float:
    """Return how long the hold lasts from now on."""
    until = worker.row().held_until
    assert until is not None
    return (until - worker.clock()).total_seconds()


def test_a_429_holds_for_as_long_as_envoy_asks_and_halves_the_pace(worker: WorkerWithTokenEndpoint) -> None:
    """Retry-After counts where it is longer than our own back-off; one WARNING tells of it."""
    number = worker.connect()
    with capture_logs() as events:
        holds(worker).throttled(number, 120)

    row = worker.row()
    assert (row.hold_reason, row.held_until) == (HoldReason.RATE_LIMITED, START + timedelta(seconds=120))
    assert row.pace_per_second == 1.0
    assert store.effective_status(row, worker.clock()) == ConnectionStatus.HELD
    assert [(event["event"], event["log_level"]) for event in events] == [("connection.held", "warning")]


def test_a_burst_of_429_counts_once(worker: WorkerWithTokenEndpoint) -> None:
    """Eight requests in flight are refused together: one hold, one halving, one event."""
    number = worker.connect()
    with capture_logs() as events, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: holds(worker).throttled(number, 10), range(8)))

    row = worker.row()
    assert (row.pace_per_second, row.hold_count) == (1.0, 1)
    assert len(events) == 1


def test_unlimited_sending_gets_no_pace_by_a_429(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Where the setting says no limit, only the hold slows down."""
    number = sqlite_worker.connect()
    holds(sqlite_worker, rate=0).throttled(number, 10)

    assert sqlite_worker.row().pace_per_second is None


def test_three_403_in_a_row_hold_the_connection(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The third refusal without a success between is the connection's; an ERROR says what to do."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    with capture_logs() as events:
        assert [guard.forbidden(number) for _ in range(3)] == [False, False, True]

    assert sqlite_worker.row().hold_reason == HoldReason.FORBIDDEN
    assert [(event["event"], event["log_level"]) for event in events] == [("connection.held", "error")]
    assert "connections resume acme" in events[0]["hint"]


def test_a_success_between_403_begins_the_count_anew(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Single refusals amid successes are the rows' own."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)

    guard.forbidden(number)
    guard.forbidden(number)
    guard.succeeded(number)

    assert guard.forbidden(number) is False
    assert guard.forbidden_count(number) == 1


def test_a_403_after_the_hold_holds_again_at_once(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Once held, one more refusal is enough until something succeeds."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    for _ in range(3):
        guard.forbidden(number)
    sqlite_worker.clock.advance(901)

    assert guard.is_held(number) is False
    assert guard.forbidden(number) is True


def test_two_young_tokens_that_are_refused_hold_for_five_seconds_and_then_longer(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """From the second token on the connection is held, longer each time, up to a quarter of an hour."""
    number = worker.connect()
    guard = holds(worker)
    assert guard.unauthorised(number, version=1) is False

    lasted = []
    for version in range(2, 12):
        worker.change(token_version=version)
        assert guard.unauthorised(number, version=version) is True
        lasted.append(held_seconds(worker))
        worker.clock.advance(901)

    assert lasted == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_many_401_on_one_token_count_once(worker: WorkerWithTokenEndpoint) -> None:
    """All requests in flight, in however many processes, are refused with one token: that is one refusal."""
    number = worker.connect()

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: holds(worker).unauthorised(number, version=1), range(8)))

    assert said == [False] * 8
    assert (worker.row().unauthorised_count, worker.row().refused_version) == (1, 1)


def test_a_token_nobody_can_tell_is_no_evidence(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Else a wave of 401 with one token might be taken for several tokens'."""
    number = sqlite_worker.connect()

    assert [holds(sqlite_worker).unauthorised(number, version=None) for _ in range(3)] == [False] * 3


def test_after_the_hold_the_same_token_is_renewed_and_not_counted_again(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """What was refused before the hold is refused after it; only the next token tells more."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    guard.unauthorised(number, version=1)
    sqlite_worker.change(token_version=2)
    guard.unauthorised(number, version=2)
    sqlite_worker.clock.advance(6)

    assert guard.unauthorised(number, version=2) is False
    sqlite_worker.change(token_version=3)
    assert guard.unauthorised(number, version=3) is True


def test_a_401_on_a_token_that_has_a_successor_does_not_count(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Envoy may end an access token as soon as it is refreshed: that says nothing about the new one."""
    number = sqlite_worker.connect()
    sqlite_worker.tokens().access(number, rejected_version=1)

    holds(sqlite_worker).unauthorised(number, version=1)

    assert sqlite_worker.row().unauthorised_count == 0


def test_outages_hold_longer_each_time(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The holds grow with full jitter between the least and the most."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    for _ in range(12):
        guard.outage(number)
        assert 5 <= held_seconds(sqlite_worker) <= 900
        sqlite_worker.clock.advance(901)

    assert sqlite_worker.row().hold_reason == HoldReason.OUTAGE
    assert sqlite_worker.row().hold_count == 12


def test_the_first_success_after_a_hold_releases_the_connection(worker: WorkerWithTokenEndpoint) -> None:
    """Counts are forgotten, the pace rises step by step, and one event tells of it."""
    number = worker.connect()
    guard = holds(worker)
    guard.throttled(number, 10)
    worker.clock.advance(11)

    with capture_logs() as events:
        guard.succeeded(number)

    row = worker.row()
    assert (row.hold_reason, row.held_until, row.hold_count) == (None, None, 0)
    assert row.pace_per_second == pytest.approx(1.1)
    assert events == [{"event": "connection.released", "log_level": "info", "connection": "acme"}]


def test_the_pace_comes_back_to_the_setting(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """After enough successes nothing is left of the cut."""
    number = sqlite_worker.connect()
    guard = holds(sqlite_worker)
    guard.throttled(number, 10)
    sqlite_worker.clock.advance(11)
    for _ in range(10):
        guard.succeeded(number)

    assert sqlite_worker.row().pace_per_second is None


def test_an_undisturbed_success_writes_nothing(worker: WorkerWithTokenEndpoint) -> None:
    """The usual case costs a read only."""
    number = worker.connect()
    before = worker.row()
    worker.clock.advance(5)
    holds(worker).succeeded(number)

    assert worker.row() == before
