"""Refreshing beside the work that uses the tokens: nobody waits for the token endpoint who need not."""

from datetime import datetime

import pytest
from sqlalchemy import event

from tests.integration.connections.hanging_endpoint import (
    CUSTOMERS,
    DUE,
    OVER,
    begun,
    connect,
    hanging,
    versions,
    wait_for_all,
)
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.model import Connection
from worker.connections.rows import look
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.access import AccessToken, Tokens
from worker.errors import NeedsAuthorisation
from worker.settings.model import REFRESHERS


def test_tokens_that_are_due_are_at_hand_while_the_token_endpoint_hangs(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """30 customers are due, and one is fresh: all are served, and later refreshed, each of them once."""
    due = connect(worker)
    worker.clock.advance(DUE)
    fresh = worker.connect("fresh", "30000")
    tokens = worker.tokens()

    with hanging(worker) as endpoint:
        for _ in range(3):
            given = [tokens.at_hand(number) for number in (*due, fresh)]
            assert all(isinstance(token, AccessToken) and token.version == 1 for token in given)
        endpoint.wait_for(REFRESHERS)
        assert len(worker.endpoint.posted) == tokens.in_progress == REFRESHERS

    last = [begun(tokens.at_hand(number, rejected_version=1)) for number in due[-2:]]
    assert [future.result(30).version for future in last] == [2, 2]
    wait_for_all(tokens)
    assert versions(worker) == {2}
    assert (worker.endpoint.reused, len(worker.endpoint.posted)) == (0, CUSTOMERS)
    tokens.close()


def test_who_has_no_valid_token_gets_what_will_have_one(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """All who ask for one connection get the token of one refresh; no refresh token goes out twice."""
    over = connect(worker)
    worker.clock.advance(OVER)

    with hanging(worker) as endpoint:
        asked = [[begun(tokens.at_hand(number)) for number in over] for _ in range(3)]
        endpoint.wait_for(REFRESHERS)
        assert not any(future.done() for round_ in asked for future in round_)

    for round_ in asked:
        assert {future.result(30).version for future in round_} == {2}
    assert (worker.endpoint.reused, len(worker.endpoint.posted)) == (0, CUSTOMERS)


def test_whose_token_is_over_is_refreshed_ahead_of_those_whose_is_valid(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Somebody waits for it; the others can go on without."""
    waiting = worker.connect("waiting", "30000")
    worker.clock.advance(OVER - DUE)
    due = connect(worker, REFRESHERS * 3)
    worker.clock.advance(DUE)

    with hanging(worker) as endpoint:
        for number in due:
            tokens.at_hand(number)
        endpoint.wait_for(REFRESHERS)
        tokens.at_hand(waiting, rejected_version=1)
        token = begun(tokens.at_hand(waiting))

    token.result(30)
    wait_for_all(tokens)
    place = [post.split("-")[1] for post in worker.endpoint.posted].index("30000")
    assert place in range(REFRESHERS, REFRESHERS * 2)  # the next that a thread was free for


def test_a_refresh_that_nobody_waited_for_is_moved_ahead_once_somebody_does(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Its token was refused, or ended, while it stood in the queue; it is posted once all the same."""
    due = connect(worker, REFRESHERS * 3)
    worker.clock.advance(DUE)

    with hanging(worker) as endpoint:
        for number in due:
            tokens.at_hand(number)
        endpoint.wait_for(REFRESHERS)
        token = begun(tokens.at_hand(due[-1], rejected_version=1))

    assert token.result(30).version == 2
    wait_for_all(tokens)
    place = worker.endpoint.posted.index(f"refresh-{20_000 + len(due) - 1}-{len(due):06}")
    assert place in range(REFRESHERS, REFRESHERS * 2)
    assert len(worker.endpoint.posted) == len(due)


def test_who_was_refused_while_the_refresh_ran_gets_a_newer_token(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """What the refresh in progress brings is not what was asked for if Envoy has refused that as well."""
    number = worker.connect()
    worker.clock.advance(OVER)

    with hanging(worker) as endpoint:
        token = begun(tokens.at_hand(number))
        endpoint.wait_for(1)
        again = begun(tokens.at_hand(number, rejected_version=2))

    assert token is again
    assert token.result(30).version == 3
    assert (worker.endpoint.reused, len(worker.endpoint.posted)) == (0, 2)


def test_whoever_has_read_the_row_gets_its_token_without_another_look(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """What makes it unusable is told alike; and nothing is asked of the database."""
    number = worker.connect()
    seen = look(worker.database, number)
    ended = worker.connect("ended", "10001")
    worker.change("ended", status=ConnectionStatus.NEEDS_AUTHORISATION)
    statements: list[str] = []
    event.listen(worker.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    token = tokens.at_hand(number, seen=row_of(seen))
    assert not statements

    assert token == tokens.at_hand(number)
    with pytest.raises(NeedsAuthorisation, match="no usable grant"):
        tokens.at_hand(ended, seen=row_of(look(worker.database, ended)))


def row_of(seen: tuple[Connection | None, datetime]) -> tuple[Connection, datetime]:
    """Return a row that is there."""
    row, now = seen
    assert row is not None
    return row, now
