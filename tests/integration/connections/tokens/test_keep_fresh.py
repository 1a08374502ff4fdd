"""Idle grants: refreshed well before their refresh token dies, also without any visits."""

import threading

import structlog

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.errors import ExitCode

DAY = 86_400.0
WEEK = 7 * DAY


def test_a_grant_that_nobody_uses_is_refreshed_after_a_week(worker: WorkerWithTokenEndpoint) -> None:
    """Eight days without visitors: one refresh, and the next one a week later."""
    worker.connect()
    tokens = worker.tokens()

    worker.clock.advance(6 * DAY)
    early = tokens.keep_fresh(max_idle=WEEK)
    worker.clock.advance(2 * DAY)
    due = tokens.keep_fresh(max_idle=WEEK)
    again = tokens.keep_fresh(max_idle=WEEK)

    assert (early.counts["refreshed"], due.counts["refreshed"], again.counts["refreshed"]) == (0, 1, 0)
    assert worker.stored_refresh_token() == "refresh-10000-000002"


def test_a_short_lived_refresh_token_is_refreshed_after_a_quarter_of_its_life(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """A refresh token of one day is not left alone for a week."""
    sqlite_worker.endpoint.extra = {"refresh_token_expires_in": DAY}
    sqlite_worker.connect()
    tokens = sqlite_worker.tokens()

    sqlite_worker.clock.advance(DAY / 4 - 1)
    assert not tokens.keep_fresh(max_idle=WEEK).did_something
    sqlite_worker.clock.advance(1)

    assert tokens.keep_fresh(max_idle=WEEK).counts["refreshed"] == 1


def test_paused_connections_are_kept_fresh_too(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A pause of months must not cost the grant."""
    sqlite_worker.connect()
    store.pause(sqlite_worker.database, "acme")
    sqlite_worker.clock.advance(8 * DAY)

    assert sqlite_worker.tokens().keep_fresh(max_idle=WEEK).counts["refreshed"] == 1


def test_one_dead_grant_does_not_keep_the_others_from_being_refreshed(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Each connection has its own outcome, and the report tells them apart."""
    for index in range(3):
        worker.connect(f"customer-{index}", str(index))
    worker.clock.advance(8 * DAY)
    worker.endpoint.replies += [refusal("invalid_grant"), Reply(500)]

    report = worker.tokens().keep_fresh(max_idle=WEEK)

    assert report.counts == {"needs_authorisation": 1, "failed": 1, "refreshed": 1}
    assert report.troubles == {ExitCode.NEEDS_AUTHORISATION, ExitCode.UNREACHABLE}


def test_a_token_that_no_key_opens_keeps_no_other_from_being_refreshed(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """It is held by name, and the exit code says that it needs a person."""
    for index in range(2):
        worker.connect(f"customer-{index}", str(index))
    worker.change("customer-0", refresh_token_enc="none:of-ours", access_token_enc="none:of-ours")
    worker.clock.advance(8 * DAY)

    with structlog.testing.capture_logs() as told:
        report = worker.tokens().keep_fresh(max_idle=WEEK)

    assert report.counts == {"failed": 1, "refreshed": 1}
    assert report.troubles == {ExitCode.NEEDS_AUTHORISATION}
    held = [line for line in told if line["event"] == "connection.held"]
    assert [(line["connection"], line["error_code"]) for line in held] == [("customer-0", "damaged_token")]


def test_one_connection_can_be_kept_fresh_alone(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A run for one connection refreshes no other."""
    sqlite_worker.connect("acme", "1")
    sqlite_worker.connect("globex", "2")
    sqlite_worker.clock.advance(8 * DAY)

    report = sqlite_worker.tokens().keep_fresh(max_idle=WEEK, only="globex")

    assert report.counts == {"refreshed": 1}
    assert sqlite_worker.endpoint.posted == ["refresh-2-000002"]


def test_a_stopping_worker_refreshes_no_more_grants(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """After the signal the grant in flight is finished, and no other begun."""
    for index in range(3):
        sqlite_worker.connect(f"customer-{index}", str(index))
    sqlite_worker.clock.advance(8 * DAY)
    stop = threading.Event()
    sqlite_worker.once(stop.set)

    report = sqlite_worker.tokens(stop=stop).keep_fresh(max_idle=WEEK)

    assert report.counts == {"refreshed": 1}
