"""The threads that refresh beside the work: how many there are, in which order, and what ends them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.testing import capture_logs

from worker.connections.tokens.expiry import AccessToken
from worker.connections.tokens.refresh.pool import RefreshPool, Step
from worker.errors import DatabaseUnreachable, TryLater
from worker.settings.model import REFRESHERS

NOW = datetime(2031, 5, 6, tzinfo=UTC)


def token(version: int = 2) -> AccessToken:
    """Return a token."""
    return AccessToken("canary", version, NOW, NOW)


@contextmanager
def pool(step: Step) -> Iterator[RefreshPool]:
    """Give a pool, and close it."""
    ending = threading.Event()
    made = RefreshPool(step, ends=ending.is_set, patience_seconds=20)
    yield made
    ending.set()
    made.close()


def threads() -> list[threading.Thread]:
    """Return the refreshers of this process."""
    return [thread for thread in threading.enumerate() if thread.name == "refresher"]


def test_there_are_never_more_threads_than_that_and_none_without_work() -> None:
    """100 connections are refreshed by four threads, which end with the work."""
    full, seen = threading.Barrier(REFRESHERS), []

    def step(_connection_id: int, _rejected_version: int | None) -> AccessToken:
        full.wait(10)
        seen.append(len(threads()))
        return token()

    assert threads() == []
    with pool(step) as refreshing:
        asked = [
            refreshing.begin(number, "acme", rejected_version=None, is_awaited=True) for number in range(100)
        ]
        assert [future.result(10) for future in asked] == [token()] * 100
        assert len(refreshing) == 0

    assert max(seen) == REFRESHERS
    for thread in threads():
        thread.join(10)
    assert threads() == []


def test_a_bug_is_told_where_nobody_waits_and_given_to_who_does() -> None:
    """It stops no thread; its own text may hold what it met, and is not shown."""

    def step(connection_id: int, _rejected_version: int | None) -> AccessToken:
        if connection_id < 3:
            raise LookupError("canary")
        return token()

    with pool(step) as refreshing, capture_logs() as events:
        for number, is_awaited in ((1, False), (2, True)):
            future = refreshing.begin(
                number, f"customer-{number}", rejected_version=None, is_awaited=is_awaited
            )
            with pytest.raises(LookupError):
                future.result(10)
        future = refreshing.begin(3, "acme", rejected_version=None, is_awaited=False)
        assert future.result(10) == token()

    assert [(event["event"], event["connection"], event["error"]) for event in events] == [
        ("token.refresh_failed", "customer-1", "LookupError")
    ]
    assert "canary" not in str(events)


def test_trouble_that_was_told_already_is_not_told_again() -> None:
    """The database's trouble has its own event, and so has a refresh that failed."""

    def step(_connection_id: int, _rejected_version: int | None) -> AccessToken:
        raise DatabaseUnreachable("away")

    with pool(step) as refreshing, capture_logs() as events:
        future = refreshing.begin(1, "acme", rejected_version=None, is_awaited=False)
        with pytest.raises(DatabaseUnreachable):
            future.result(10)

    assert events == []


def test_nobody_can_cancel_what_others_wait_for() -> None:
    """The future is shared: who waits no more simply goes."""
    go_on = threading.Event()

    def step(_connection_id: int, _rejected_version: int | None) -> AccessToken:
        go_on.wait(10)
        return token()

    with pool(step) as refreshing:
        future = refreshing.begin(1, "acme", rejected_version=None, is_awaited=True)
        assert future is refreshing.begin(1, "acme", rejected_version=None, is_awaited=True)
        assert not future.cancel()
        go_on.set()
        assert future.result(10) == token()


def test_what_a_refresh_tells_belongs_to_the_run_that_began_it() -> None:
    """Its events carry what was bound there, such as the run's id."""
    seen = []

    def step(_connection_id: int, _rejected_version: int | None) -> AccessToken:
        seen.append(get_contextvars())
        return token()

    with pool(step) as refreshing, bound_contextvars(run_id="r1"):
        refreshing.begin(1, "acme", rejected_version=None, is_awaited=True).result(10)

    assert seen == [{"run_id": "r1"}]


def test_what_was_put_aside_ends_with_the_process() -> None:
    """Nobody waits for another process once this one is to end."""
    looked = threading.Event()

    def step(_connection_id: int, _rejected_version: int | None) -> None:
        looked.set()

    with pool(step) as refreshing:
        future = refreshing.begin(1, "acme", rejected_version=None, is_awaited=True)
        assert looked.wait(10)

    with pytest.raises(TryLater, match="acme: the worker is stopping"):
        future.result(0)


def test_while_one_thread_watches_what_was_put_aside_others_are_started() -> None:
    """What comes in then is refreshed by as many threads as ever."""
    aside, full = threading.Event(), threading.Barrier(REFRESHERS)

    def step(connection_id: int, _rejected_version: int | None) -> AccessToken | None:
        if connection_id == 0:
            aside.set()
            return None
        full.wait(10)
        return token()

    with pool(step) as refreshing:
        refreshing.begin(0, "elsewhere", rejected_version=None, is_awaited=True)
        assert aside.wait(10)
        asked = [
            refreshing.begin(number, "acme", rejected_version=None, is_awaited=True)
            for number in range(1, REFRESHERS + 1)
        ]
        assert [future.result(10) for future in asked] == [token()] * REFRESHERS
