"""Idle grants: refreshed well before their refresh token dies, also without any visits."""

import threading

import structlog

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.support import House
from worker.connections import store
from worker.errors import ExitCode

DAY = 86_400.0
WEEK = 7 * DAY


def test_a_grant_that_nobody_uses_is_refreshed_after_a_week(house: House) -> None:
    """Eight days without visitors: one refresh, and the next one a week later."""
    house.connect()
    tokens = house.tokens()

    house.clock.advance(6 * DAY)
    early = tokens.keep_fresh(max_idle=WEEK)
    house.clock.advance(2 * DAY)
    due = tokens.keep_fresh(max_idle=WEEK)
    again = tokens.keep_fresh(max_idle=WEEK)

    assert (early.counts["refreshed"], due.counts["refreshed"], again.counts["refreshed"]) == (0, 1, 0)
    assert house.stored_refresh_token() == "refresh-10000-000002"


def test_a_short_lived_refresh_token_is_refreshed_after_a_quarter_of_its_life(small_house: House) -> None:
    """A refresh token of one day is not left alone for a week."""
    small_house.endpoint.extra = {"refresh_token_expires_in": DAY}
    small_house.connect()
    tokens = small_house.tokens()

    small_house.clock.advance(DAY / 4 - 1)
    assert not tokens.keep_fresh(max_idle=WEEK).did_something
    small_house.clock.advance(1)

    assert tokens.keep_fresh(max_idle=WEEK).counts["refreshed"] == 1


def test_paused_connections_are_kept_fresh_too(small_house: House) -> None:
    """A pause of months must not cost the grant."""
    small_house.connect()
    store.pause(small_house.database, "acme")
    small_house.clock.advance(8 * DAY)

    assert small_house.tokens().keep_fresh(max_idle=WEEK).counts["refreshed"] == 1


def test_one_dead_grant_does_not_keep_the_others_from_being_refreshed(house: House) -> None:
    """Each connection has its own outcome, and the report tells them apart."""
    for index in range(3):
        house.connect(f"customer-{index}", str(index))
    house.clock.advance(8 * DAY)
    house.endpoint.replies += [refusal("invalid_grant"), Reply(500)]

    report = house.tokens().keep_fresh(max_idle=WEEK)

    assert report.counts == {"needs_authorisation": 1, "failed": 1, "refreshed": 1}
    assert report.troubles == {ExitCode.NEEDS_AUTHORISATION, ExitCode.UNREACHABLE}


def test_a_token_that_no_key_opens_keeps_no_other_from_being_refreshed(house: House) -> None:
    """It is held by name, and the exit code says that it needs a person."""
    for index in range(2):
        house.connect(f"customer-{index}", str(index))
    house.change("customer-0", refresh_token_enc="none:of-ours", access_token_enc="none:of-ours")
    house.clock.advance(8 * DAY)

    with structlog.testing.capture_logs() as told:
        report = house.tokens().keep_fresh(max_idle=WEEK)

    assert report.counts == {"failed": 1, "refreshed": 1}
    assert report.troubles == {ExitCode.NEEDS_AUTHORISATION}
    held = [line for line in told if line["event"] == "connection.held"]
    assert [(line["connection"], line["error_code"]) for line in held] == [("customer-0", "damaged_token")]


def test_one_connection_can_be_kept_fresh_alone(small_house: House) -> None:
    """A run for one connection refreshes no other."""
    small_house.connect("acme", "1")
    small_house.connect("globex", "2")
    small_house.clock.advance(8 * DAY)

    report = small_house.tokens().keep_fresh(max_idle=WEEK, only="globex")

    assert report.counts == {"refreshed": 1}
    assert small_house.endpoint.posted == ["refresh-2-000002"]


def test_a_stopping_worker_refreshes_no_more_grants(small_house: House) -> None:
    """After the signal the grant in flight is finished, and no other begun."""
    for index in range(3):
        small_house.connect(f"customer-{index}", str(index))
    small_house.clock.advance(8 * DAY)
    stop = threading.Event()
    small_house.once(stop.set)

    report = small_house.tokens(stop=stop).keep_fresh(max_idle=WEEK)

    assert report.counts == {"refreshed": 1}
