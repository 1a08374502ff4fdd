"""Refreshing beside the work that uses the tokens: nobody waits for the token endpoint who need not."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.support import House
from worker.connections.calls import with_token
from worker.connections.model import Connection, ConnectionStatus, HoldReason
from worker.connections.rows import look
from worker.connections.tokens import AccessToken, Tokens
from worker.errors import (
    GrantDead,
    NeedsAuthorisation,
    OutcomeUnknown,
    Throttled,
    TokenDamaged,
    TryLater,
    Unauthorised,
)
from worker.settings.model import REFRESHERS

DUE, OVER = 3200, 4000  # seconds after a consent, of the 3,600 that a token lives
CUSTOMERS = 30


@pytest.fixture
def tokens(house: House) -> Iterator[Tokens]:
    """Give the tokens of one process, and close them."""
    made = house.tokens()
    yield made
    made.close()


class Hanging:
    """A token endpoint that takes requests and answers none, until it is told to."""

    def __init__(self, house: House) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)
        house.endpoint.during = self._hang

    def _hang(self) -> None:
        self.asked.release()
        assert self.may_answer.wait(4)

    def wait_for(self, requests: int) -> None:
        """Return once so many requests more have come in."""
        for _ in range(requests):
            assert self.asked.acquire(timeout=10)


@contextmanager
def hanging(house: House) -> Iterator[Hanging]:
    """Let the token endpoint answer nobody within the block, unless it is told to."""
    endpoint = Hanging(house)
    try:
        yield endpoint
    finally:
        endpoint.may_answer.set()


def connect(house: House, number: int = CUSTOMERS) -> list[int]:
    """Connect customers; return their ids."""
    return [house.connect(f"customer-{index:02}", f"{20_000 + index}") for index in range(number)]


def begun(found: AccessToken | Future[AccessToken]) -> Future[AccessToken]:
    """Return the future of a refresh; there was no token at hand."""
    assert isinstance(found, Future)
    return found


def versions(house: House, number: int = CUSTOMERS) -> set[int]:
    """Return which versions of their tokens customers have by now."""
    return {house.row(f"customer-{index:02}").token_version for index in range(number)}


def test_tokens_that_are_due_are_at_hand_while_the_token_endpoint_hangs(house: House) -> None:
    """30 customers are due, and one is fresh: all are served, and later refreshed, each of them once."""
    due = connect(house)
    house.clock.advance(DUE)
    fresh = house.connect("fresh", "30000")
    tokens = house.tokens()

    with hanging(house) as endpoint:
        for _ in range(3):
            given = [tokens.at_hand(number) for number in (*due, fresh)]
            assert all(isinstance(token, AccessToken) and token.version == 1 for token in given)
        endpoint.wait_for(REFRESHERS)
        assert len(house.endpoint.posted) == tokens.in_progress == REFRESHERS

    last = [begun(tokens.at_hand(number, rejected_version=1)) for number in due[-2:]]
    assert [future.result(30).version for future in last] == [2, 2]
    wait_for_all(tokens)
    assert versions(house) == {2}
    assert (house.endpoint.reused, len(house.endpoint.posted)) == (0, CUSTOMERS)
    tokens.close()


def wait_for_all(tokens: Tokens) -> None:
    """Return once nothing is being refreshed any more."""
    with tokens._pool._changed:
        assert tokens._pool._changed.wait_for(lambda: not tokens._pool._threads, timeout=30)


def test_who_has_no_valid_token_gets_what_will_have_one(house: House, tokens: Tokens) -> None:
    """All who ask for one connection get the token of one refresh; no refresh token goes out twice."""
    over = connect(house)
    house.clock.advance(OVER)

    with hanging(house) as endpoint:
        asked = [[begun(tokens.at_hand(number)) for number in over] for _ in range(3)]
        endpoint.wait_for(REFRESHERS)
        assert not any(future.done() for round_ in asked for future in round_)

    for round_ in asked:
        assert {future.result(30).version for future in round_} == {2}
    assert (house.endpoint.reused, len(house.endpoint.posted)) == (0, CUSTOMERS)


def test_whose_token_is_over_is_refreshed_ahead_of_those_whose_is_valid(house: House, tokens: Tokens) -> None:
    """Somebody waits for it; the others can go on without."""
    waiting = house.connect("waiting", "30000")
    house.clock.advance(OVER - DUE)
    due = connect(house, REFRESHERS * 3)
    house.clock.advance(DUE)

    with hanging(house) as endpoint:
        for number in due:
            tokens.at_hand(number)
        endpoint.wait_for(REFRESHERS)
        tokens.at_hand(waiting, rejected_version=1)
        token = begun(tokens.at_hand(waiting))

    token.result(30)
    wait_for_all(tokens)
    place = [post.split("-")[1] for post in house.endpoint.posted].index("30000")
    assert place in range(REFRESHERS, REFRESHERS * 2)  # the next that a thread was free for


def test_a_refresh_that_nobody_waited_for_is_moved_ahead_once_somebody_does(
    house: House, tokens: Tokens
) -> None:
    """Its token was refused, or ended, while it stood in the queue; it is posted once all the same."""
    due = connect(house, REFRESHERS * 3)
    house.clock.advance(DUE)

    with hanging(house) as endpoint:
        for number in due:
            tokens.at_hand(number)
        endpoint.wait_for(REFRESHERS)
        token = begun(tokens.at_hand(due[-1], rejected_version=1))

    assert token.result(30).version == 2
    wait_for_all(tokens)
    place = house.endpoint.posted.index(f"refresh-{20_000 + len(due) - 1}-{len(due):06}")
    assert place in range(REFRESHERS, REFRESHERS * 2)
    assert len(house.endpoint.posted) == len(due)


def test_who_was_refused_while_the_refresh_ran_gets_a_newer_token(house: House, tokens: Tokens) -> None:
    """What the refresh in progress brings is not what was asked for if Envoy has refused that as well."""
    number = house.connect()
    house.clock.advance(OVER)

    with hanging(house) as endpoint:
        token = begun(tokens.at_hand(number))
        endpoint.wait_for(1)
        again = begun(tokens.at_hand(number, rejected_version=2))

    assert token is again
    assert token.result(30).version == 3
    assert (house.endpoint.reused, len(house.endpoint.posted)) == (0, 2)


def test_what_other_processes_refresh_takes_no_thread(house: House, tokens: Tokens) -> None:
    """Twice as many connections as threads are refreshed elsewhere; yet another one is refreshed at once."""
    elsewhere = connect(house, REFRESHERS * 2)
    another = house.connect("another", "30000")
    house.clock.advance(OVER)
    for index in range(len(elsewhere)):
        house.change(f"customer-{index:02}", **theirs(house))
    waiting = [begun(tokens.at_hand(number)) for number in elsewhere]

    assert begun(tokens.at_hand(another)).result(10).version == 2

    assert not any(future.done() for future in waiting)
    for index in range(len(elsewhere)):
        house.change(f"customer-{index:02}", lease_owner=None, lease_until=None)
    assert {future.result(30).version for future in waiting} == {2}
    assert house.endpoint.reused == 0


def theirs(house: House) -> dict[str, Any]:
    """Return the columns of a lease that a process of another host holds."""
    return {
        "lease_owner": "another-host/77/1#x",
        "lease_until": house.clock() + timedelta(seconds=90),
    }


def test_a_refresh_elsewhere_is_looked_at_only_so_long(house: House) -> None:
    """Who asked is told to come again, and nothing was posted here."""
    number = house.connect()
    house.clock.advance(OVER)
    house.change(**theirs(house))
    tokens = house.tokens(patience_seconds=0.1)

    with pytest.raises(TryLater, match="acme: its token is being refreshed elsewhere"):
        begun(tokens.at_hand(number)).result(10)

    tokens.close()
    assert house.endpoint.posted == []


def test_two_processes_never_post_one_refresh_token_twice(house: House) -> None:
    """Both begin beside their work; the lease in the row decides, and both get the one new token."""
    numbers = connect(house, 10)
    house.clock.advance(OVER)
    ours, others = house.tokens("host/1/1"), house.tokens("host/2/2")

    asked = [begun(each.at_hand(number)) for number in numbers for each in (ours, others)]

    assert {future.result(30).version for future in asked} == {2}
    assert (house.endpoint.reused, len(house.endpoint.posted)) == (0, 10)
    ours.close()
    others.close()


def test_while_a_caller_that_waits_refreshes_the_future_gets_its_token(house: House, tokens: Tokens) -> None:
    """Within one process, too, a connection is refreshed by one thread at a time."""
    number = house.connect()
    house.clock.advance(OVER)

    with hanging(house) as endpoint:
        caller = threading.Thread(target=tokens.access, args=(number,))
        caller.start()
        endpoint.wait_for(1)
        token = begun(tokens.at_hand(number))
    caller.join()

    assert token.result(30).version == 2
    assert len(house.endpoint.posted) == 1


def test_what_is_known_to_hinder_a_refresh_is_said_at_once(house: House, tokens: Tokens) -> None:
    """A failed refresh rests, and says for how long; a valid token serves, and nothing is posted."""
    number = house.connect()
    house.clock.advance(DUE)
    house.change(
        refresh_retry_at=house.clock() + timedelta(seconds=1200),
        refresh_started_at=house.clock(),
        refresh_error="http_500",
    )

    assert isinstance(tokens.at_hand(number), AccessToken)
    house.clock.advance(OVER - DUE)
    with pytest.raises(TryLater, match="acme: its last refresh failed") as caught:
        tokens.at_hand(number)

    assert caught.value.retry_after == 1200 - (OVER - DUE)
    assert house.endpoint.posted == []


def test_a_client_that_is_throttled_says_for_how_long(house: House, tokens: Tokens) -> None:
    """What Envoy has against all of us concerns every connection: their refreshes are not begun."""
    first, second = connect(house, 2)
    house.clock.advance(OVER)
    house.endpoint.replies.append(Reply(429, headers={"Retry-After": "70"}))

    with pytest.raises(Throttled):
        begun(tokens.at_hand(first)).result(10)
    with pytest.raises(TryLater, match="rate limited") as caught:
        tokens.at_hand(second)

    assert caught.value.retry_after == 70
    assert len(house.endpoint.posted) == 1


def test_without_a_grant_nothing_is_begun(house: House, tokens: Tokens) -> None:
    """Removed, dead or gone: NeedsAuthorisation at once."""
    number = house.connect()
    house.change(status=ConnectionStatus.NEEDS_AUTHORISATION, status_reason="revoked_or_expired")

    for unknown in (number, number + 99):
        with pytest.raises(NeedsAuthorisation):
            tokens.at_hand(unknown)

    assert house.endpoint.posted == []


def test_a_refresh_token_of_a_backup_is_not_posted(house: House, tokens: Tokens) -> None:
    """It was taken for spent and wiped: the access token serves to its end, then the grant is over."""
    number = house.connect()
    house.change(refresh_token_enc=None)
    house.clock.advance(DUE)

    assert isinstance(tokens.at_hand(number), AccessToken)
    house.clock.advance(OVER - DUE)
    with pytest.raises(NeedsAuthorisation, match="restored"):
        tokens.at_hand(number)

    assert house.row().status == ConnectionStatus.NEEDS_AUTHORISATION


@pytest.mark.parametrize("is_over", [False, True], ids=["valid", "over"])
def test_a_damaged_refresh_token_holds_its_connection(house: House, *, is_over: bool) -> None:
    """Beside the work as well it is found out when it is to be posted, and that is told once."""
    number = house.connect()
    other = house.connect("other", "30000")
    house.clock.advance(OVER if is_over else DUE)
    house.change(refresh_token_enc=house.row("other").refresh_token_enc)
    tokens = house.tokens()

    with capture_logs() as events:
        found = tokens.at_hand(number)
        if is_over:
            with pytest.raises(TokenDamaged):
                begun(found).result(10)
        wait_for_all(tokens)

    assert house.row().hold_reason == HoldReason.DAMAGED_TOKEN
    assert [event["event"] for event in events] == ["connection.held"]
    assert isinstance(tokens.soon(other), AccessToken)
    tokens.close()


def test_a_dead_grant_ends_the_future_as_it_ends_who_waits(house: House, tokens: Tokens) -> None:
    """The refusal is stored and told, and the next who asks is told at once."""
    number = house.connect()
    house.clock.advance(OVER)
    house.endpoint.always = refusal("invalid_grant")

    with pytest.raises((GrantDead, NeedsAuthorisation)):
        begun(tokens.at_hand(number)).result(10)
    with pytest.raises(NeedsAuthorisation):
        tokens.at_hand(number)


def test_a_refresh_that_fails_beside_a_valid_token_is_told_and_rests(house: House, tokens: Tokens) -> None:
    """Nobody waited for it, so nobody is hindered; the event says so, once."""
    number = house.connect()
    house.clock.advance(DUE)
    house.endpoint.always = Reply(500)

    with capture_logs() as events:
        for _ in range(5):
            assert isinstance(tokens.at_hand(number), AccessToken)
            wait_for_all(tokens)

    assert [event["event"] for event in events] == ["token.refresh_failed"]
    assert len(house.endpoint.posted) == 1


def test_a_stop_begins_no_refresh_and_stores_the_one_in_flight(house: House) -> None:
    """What is posted is stored, whoever waits in the queue is told to come again, and the end waits."""
    numbers, stop = connect(house, REFRESHERS + 3), threading.Event()
    house.clock.advance(OVER)
    tokens = house.tokens(stop=stop)

    with hanging(house) as endpoint:
        asked = [begun(tokens.at_hand(number)) for number in numbers]
        endpoint.wait_for(REFRESHERS)
        stop.set()
        assert tokens.in_progress == REFRESHERS
        with pytest.raises(TryLater, match="stopping"):
            tokens.at_hand(numbers[0])
    tokens.close()

    assert [future.result(0).version for future in asked[:REFRESHERS]] == [2] * REFRESHERS
    for future in asked[REFRESHERS:]:
        with pytest.raises(TryLater, match="stopping"):
            future.result(0)
    assert len(house.endpoint.posted) == REFRESHERS
    assert tokens.in_progress == 0


def test_closed_tokens_repeat_no_post_and_begin_no_refresh(house: House) -> None:
    """A run by hand ends without a signal: it waits for the answer to come, and not for the one after."""
    number = house.connect()
    house.clock.advance(OVER)
    house.endpoint.always = Reply(0)
    tokens = Tokens(house.database, house.vault, house.oauth, owner="host/1/2", clock=house.clock)
    during: list[bool] = []
    closing = threading.Thread(target=tokens.close)
    house.once(closing.start, lambda: during.append(tokens._closing.wait(10)))

    future = begun(tokens.at_hand(number))
    with pytest.raises(OutcomeUnknown):
        future.result(10)
    closing.join()
    with pytest.raises(TryLater, match="stopping"):
        tokens.at_hand(number)

    assert during == [True]
    assert len(house.endpoint.posted) == 1


def test_a_call_uses_a_valid_token_and_waits_for_none(house: House, tokens: Tokens) -> None:
    """Reading Envoy goes on by the old token while its successor is on its way."""
    number = house.connect()
    house.clock.advance(DUE)

    with hanging(house) as endpoint:
        assert with_token(tokens, number, lambda token: token) == "access-10000-000001"
        endpoint.wait_for(1)

    wait_for_all(tokens)
    assert with_token(tokens, number, lambda token: token) == "access-10000-000002"


def test_a_call_whose_token_was_refused_is_made_once_more(house: House, tokens: Tokens) -> None:
    """It waits for the new token, and says which one was refused if that is refused as well."""
    number, used = house.connect(), list[str]()

    def refused(token: str) -> None:
        used.append(token)
        raise Unauthorised

    with pytest.raises(Unauthorised) as caught:
        with_token(tokens, number, refused)

    assert used == ["access-10000-000001", "access-10000-000002"]
    assert caught.value.token_version == 2


def test_a_call_waits_only_as_long_as_it_is_told_to(house: House, tokens: Tokens) -> None:
    """Who has others to serve comes again; the refresh goes on beside."""
    number = house.connect()
    house.clock.advance(OVER)

    with hanging(house), pytest.raises(TryLater, match="acme: its token is being refreshed"):
        with_token(tokens, number, lambda token: token, patience_seconds=0)

    wait_for_all(tokens)
    assert with_token(tokens, number, lambda token: token, patience_seconds=0) == "access-10000-000002"


def test_a_stop_ends_the_wait_for_a_token(house: House) -> None:
    """The request in flight is waited for by who closes the tokens, and by nobody else."""
    number, stop = house.connect(), threading.Event()
    house.clock.advance(OVER)
    tokens = house.tokens(stop=stop)

    with hanging(house) as endpoint:
        tokens.at_hand(number)
        endpoint.wait_for(1)
        threading.Thread(target=stop.set).start()
        with pytest.raises(TryLater):
            tokens.soon(number, patience_seconds=600)
    tokens.close()

    assert house.row().token_version == 2


def test_whoever_has_read_the_row_gets_its_token_without_another_look(house: House, tokens: Tokens) -> None:
    """What makes it unusable is told alike; and nothing is asked of the database."""
    number = house.connect()
    seen = look(house.database, number)
    ended = house.connect("ended", "10001")
    house.change("ended", status=ConnectionStatus.NEEDS_AUTHORISATION)
    statements: list[str] = []
    event.listen(house.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    token = tokens.at_hand(number, seen=row_of(seen))
    assert not statements

    assert token == tokens.at_hand(number)
    with pytest.raises(NeedsAuthorisation, match="no usable grant"):
        tokens.at_hand(ended, seen=row_of(look(house.database, ended)))


def row_of(seen: tuple[Connection | None, datetime]) -> tuple[Connection, datetime]:
    """Return a row that is there."""
    row, now = seen
    assert row is not None
    return row, now
