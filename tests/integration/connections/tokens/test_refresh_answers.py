"""Answers of the token endpoint: lifetimes, gaps and nonsense, and what is stored of them."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply
from tests.integration.connections.worker_with_token_endpoint import START, WorkerWithTokenEndpoint
from worker.connections.states import ConnectionStatus
from worker.errors import EnvoyError, TryLater


@pytest.mark.parametrize("missing", [..., "", None])
def test_an_answer_without_refresh_token_keeps_the_old_one(
    worker: WorkerWithTokenEndpoint, missing: object
) -> None:
    """Omitted, empty or null: the stored refresh token stays as it is, byte for byte."""
    number = worker.connect()
    sealed = worker.row().refresh_token_enc
    worker.endpoint.extra = {"refresh_token": missing, "refresh_token_expires_in": None}

    token = worker.tokens().access(number, rejected_version=1)

    assert token.value == "access-10000-000002"
    assert worker.row().refresh_token_enc == sealed
    assert worker.row().refresh_expires_at == START + timedelta(days=30)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (..., 3600), (None, 3600), (0, 3600), (-1, 3600), ("3600", 3600), ("soon", 3600),
        (float("nan"), 3600), (True, 3600), ([], 3600), (7200, 7200), (1e30, 315_360_000),
    ],
)  # fmt: skip
def test_a_nonsensical_lifetime_is_that_of_the_token_before(
    sqlite_worker: WorkerWithTokenEndpoint, stated: object, expected: float
) -> None:
    """No token lives for ever, and none is thrown away, because Envoy's answer states no usable life."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.extra = {"expires_in": stated}

    token = sqlite_worker.tokens().access(number, rejected_version=1)

    assert token.expires_at == START + timedelta(seconds=expected)


def test_without_any_lifetime_a_token_lives_a_day(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """What Envoy never states is what its API reference says."""
    sqlite_worker.endpoint.extra = {"expires_in": None}
    number = sqlite_worker.connect()

    assert sqlite_worker.tokens().access(number).expires_at == START + timedelta(days=1)


def test_a_life_of_thirty_seconds_is_refreshed_once_in_twenty(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A short life is not shorter than the margin, so not every call refreshes."""
    sqlite_worker.endpoint.extra = {"expires_in": 30}
    number = sqlite_worker.connect()
    tokens = sqlite_worker.tokens()

    for _ in range(60):
        tokens.access(number)
        sqlite_worker.clock.advance(1)

    assert 2 <= len(sqlite_worker.endpoint.posted) <= 3


USELESS = [
    Reply(500), Reply(503), Reply(429), Reply(404), Reply(307, headers={"Location": "http://127.0.0.1:9/"}),
    Reply(200, b"<html>hello</html>"), Reply(200), Reply(200, b"[]"), Reply(200, b"{}"),
    Reply(200, b'{"access_token": 123}'), Reply(400, b'{"message": "no"}'), Reply(0),
    Reply(200, json.dumps({"token_type": "mac", "access_token": "abc"}).encode()),
]  # fmt: skip


@pytest.mark.parametrize("reply", USELESS, ids=lambda reply: f"{reply.status}-{reply.body[:14].decode()}")
def test_a_useless_answer_changes_neither_status_nor_tokens(
    sqlite_worker: WorkerWithTokenEndpoint, reply: Reply
) -> None:
    """Whatever else the token endpoint says, the grant stays, and the old token serves while it lives."""
    number = sqlite_worker.connect()
    before = sqlite_worker.row()
    sqlite_worker.clock.advance(3200)
    sqlite_worker.endpoint.always = reply

    early = sqlite_worker.tokens().access(number)
    sqlite_worker.clock.advance(3600)
    with pytest.raises((EnvoyError, TryLater)):
        sqlite_worker.tokens().access(number)

    after = sqlite_worker.row()
    assert early.version == 1
    assert after.status == ConnectionStatus.ACTIVE
    assert after.access_token_enc == before.access_token_enc
    assert after.refresh_token_enc == before.refresh_token_enc
    assert after.refresh_failures == 2


def test_after_a_failure_refreshing_rests_for_a_while(worker: WorkerWithTokenEndpoint) -> None:
    """The next call does not post again before the cool-down is over, and says so."""
    number = worker.connect()
    worker.clock.advance(4000)
    worker.endpoint.replies.append(Reply(500))
    tokens = worker.tokens()

    with pytest.raises(EnvoyError):
        tokens.access(number)
    with pytest.raises(TryLater, match="its last refresh failed"):
        tokens.access(number)
    worker.clock.advance(301)

    assert tokens.access(number).version == 2
    assert len(worker.endpoint.posted) == 2


def test_the_token_endpoints_own_wish_to_wait_is_obeyed_for_all(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """A 429 with Retry-After: no connection is refreshed by this process until then."""
    first, second = sqlite_worker.connect("acme", "1"), sqlite_worker.connect("globex", "2")
    sqlite_worker.clock.advance(4000)
    sqlite_worker.endpoint.replies.append(Reply(429, headers={"Retry-After": "60"}))
    tokens = sqlite_worker.tokens()

    with pytest.raises(EnvoyError):
        tokens.access(first)
    sqlite_worker.clock.advance(59)
    with pytest.raises(TryLater):
        tokens.access(first)
    with pytest.raises(TryLater, match="rate limited"):
        tokens.access(second)
    sqlite_worker.clock.advance(2)

    assert tokens.access(second).version == 2


def test_a_cool_down_that_lies_too_far_ahead_is_over(worker: WorkerWithTokenEndpoint) -> None:
    """A clock that was wrong by days does not keep a grant from being refreshed."""
    number = worker.connect()
    worker.clock.advance(4000)
    worker.change(refresh_retry_at=worker.clock() + timedelta(days=2))

    assert worker.tokens().access(number).version == 2


def test_a_token_from_the_future_gets_a_successor(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """After the clock was put back by hours, the stored token's age cannot be told: it is replaced once."""
    number = sqlite_worker.connect()
    sqlite_worker.clock.advance(-7200)
    tokens = sqlite_worker.tokens()

    assert tokens.access(number).version == 2
    assert tokens.access(number).version == 2


def test_a_clock_that_differs_from_envoys_is_a_warning(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The answer's Date only warns: lifetimes count from our own clock."""
    number = sqlite_worker.connect()
    answer = json.dumps({"access_token": "abc", "token_type": "bearer", "expires_in": 60}).encode()
    date = {"Date": "Tue, 06 May 2031 09:08:09 GMT"}
    sqlite_worker.endpoint.replies.append(Reply(200, answer, date))

    with capture_logs() as events:
        token = sqlite_worker.tokens().access(number, rejected_version=1)

    assert token.expires_at == START + timedelta(seconds=60)
    assert [(event["log_level"], event["error_code"]) for event in events] == [("warning", "clock_skew")]
