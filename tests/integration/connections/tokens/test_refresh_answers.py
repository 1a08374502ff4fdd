"""Answers of the token endpoint: lifetimes, gaps and nonsense, and what is stored of them."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply
from tests.integration.connections.support import START, House
from worker.connections.states import ConnectionStatus
from worker.errors import EnvoyError, TryLater


@pytest.mark.parametrize("missing", [..., "", None])
def test_an_answer_without_refresh_token_keeps_the_old_one(house: House, missing: object) -> None:
    """Omitted, empty or null: the stored refresh token stays as it is, byte for byte."""
    number = house.connect()
    sealed = house.row().refresh_token_enc
    house.endpoint.extra = {"refresh_token": missing, "refresh_token_expires_in": None}

    token = house.tokens().access(number, rejected_version=1)

    assert token.value == "access-10000-000002"
    assert house.row().refresh_token_enc == sealed
    assert house.row().refresh_expires_at == START + timedelta(days=30)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (..., 3600), (None, 3600), (0, 3600), (-1, 3600), ("3600", 3600), ("soon", 3600),
        (float("nan"), 3600), (True, 3600), ([], 3600), (7200, 7200), (1e30, 315_360_000),
    ],
)  # fmt: skip
def test_a_nonsensical_lifetime_is_that_of_the_token_before(
    small_house: House, stated: object, expected: float
) -> None:
    """No token lives for ever, and none is thrown away, because Envoy's answer states no usable life."""
    number = small_house.connect()
    small_house.endpoint.extra = {"expires_in": stated}

    token = small_house.tokens().access(number, rejected_version=1)

    assert token.expires_at == START + timedelta(seconds=expected)


def test_without_any_lifetime_a_token_lives_a_day(small_house: House) -> None:
    """What Envoy never states is what its API reference says."""
    small_house.endpoint.extra = {"expires_in": None}
    number = small_house.connect()

    assert small_house.tokens().access(number).expires_at == START + timedelta(days=1)


def test_a_life_of_thirty_seconds_is_refreshed_once_in_twenty(small_house: House) -> None:
    """A short life is not shorter than the margin, so not every call refreshes."""
    small_house.endpoint.extra = {"expires_in": 30}
    number = small_house.connect()
    tokens = small_house.tokens()

    for _ in range(60):
        tokens.access(number)
        small_house.clock.advance(1)

    assert 2 <= len(small_house.endpoint.posted) <= 3


USELESS = [
    Reply(500), Reply(503), Reply(429), Reply(404), Reply(307, headers={"Location": "http://127.0.0.1:9/"}),
    Reply(200, b"<html>hello</html>"), Reply(200), Reply(200, b"[]"), Reply(200, b"{}"),
    Reply(200, b'{"access_token": 123}'), Reply(400, b'{"message": "no"}'), Reply(0),
    Reply(200, json.dumps({"token_type": "mac", "access_token": "abc"}).encode()),
]  # fmt: skip


@pytest.mark.parametrize("reply", USELESS, ids=lambda reply: f"{reply.status}-{reply.body[:14].decode()}")
def test_a_useless_answer_changes_neither_status_nor_tokens(small_house: House, reply: Reply) -> None:
    """Whatever else the token endpoint says, the grant stays, and the old token serves while it lives."""
    number = small_house.connect()
    before = small_house.row()
    small_house.clock.advance(3200)
    small_house.endpoint.always = reply

    early = small_house.tokens().access(number)
    small_house.clock.advance(3600)
    with pytest.raises((EnvoyError, TryLater)):
        small_house.tokens().access(number)

    after = small_house.row()
    assert early.version == 1
    assert after.status == ConnectionStatus.ACTIVE
    assert after.access_token_enc == before.access_token_enc
    assert after.refresh_token_enc == before.refresh_token_enc
    assert after.refresh_failures == 2


def test_after_a_failure_refreshing_rests_for_a_while(house: House) -> None:
    """The next call does not post again before the cool-down is over, and says so."""
    number = house.connect()
    house.clock.advance(4000)
    house.endpoint.replies.append(Reply(500))
    tokens = house.tokens()

    with pytest.raises(EnvoyError):
        tokens.access(number)
    with pytest.raises(TryLater, match="its last refresh failed"):
        tokens.access(number)
    house.clock.advance(301)

    assert tokens.access(number).version == 2
    assert len(house.endpoint.posted) == 2


def test_the_token_endpoints_own_wish_to_wait_is_obeyed_for_all(small_house: House) -> None:
    """A 429 with Retry-After: no connection is refreshed by this process until then."""
    first, second = small_house.connect("acme", "1"), small_house.connect("globex", "2")
    small_house.clock.advance(4000)
    small_house.endpoint.replies.append(Reply(429, headers={"Retry-After": "60"}))
    tokens = small_house.tokens()

    with pytest.raises(EnvoyError):
        tokens.access(first)
    small_house.clock.advance(59)
    with pytest.raises(TryLater):
        tokens.access(first)
    with pytest.raises(TryLater, match="rate limited"):
        tokens.access(second)
    small_house.clock.advance(2)

    assert tokens.access(second).version == 2


def test_a_cool_down_that_lies_too_far_ahead_is_over(house: House) -> None:
    """A clock that was wrong by days does not keep a grant from being refreshed."""
    number = house.connect()
    house.clock.advance(4000)
    house.change(refresh_retry_at=house.clock() + timedelta(days=2))

    assert house.tokens().access(number).version == 2


def test_a_token_from_the_future_gets_a_successor(small_house: House) -> None:
    """After the clock was put back by hours, the stored token's age cannot be told: it is replaced once."""
    number = small_house.connect()
    small_house.clock.advance(-7200)
    tokens = small_house.tokens()

    assert tokens.access(number).version == 2
    assert tokens.access(number).version == 2


def test_a_clock_that_differs_from_envoys_is_a_warning(small_house: House) -> None:
    """The answer's Date only warns: lifetimes count from our own clock."""
    number = small_house.connect()
    answer = json.dumps({"access_token": "abc", "token_type": "bearer", "expires_in": 60}).encode()
    date = {"Date": "Tue, 06 May 2031 09:08:09 GMT"}
    small_house.endpoint.replies.append(Reply(200, answer, date))

    with capture_logs() as events:
        token = small_house.tokens().access(number, rejected_version=1)

    assert token.expires_at == START + timedelta(seconds=60)
    assert [(event["log_level"], event["error_code"]) for event in events] == [("warning", "clock_skew")]
