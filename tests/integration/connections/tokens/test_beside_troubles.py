"""What hinders a refresh beside the work: who asks is told at once, and a valid token serves on."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.hanging_endpoint import DUE, OVER, begun, connect, wait_for_all
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.tokens.access import AccessToken, Tokens
from worker.errors import (
    GrantDead,
    NeedsAuthorisation,
    Throttled,
    TokenDamaged,
    TryLater,
)


def test_what_is_known_to_hinder_a_refresh_is_said_at_once(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """A failed refresh rests, and says for how long; a valid token serves, and nothing is posted."""
    number = worker.connect()
    worker.clock.advance(DUE)
    worker.change(
        refresh_retry_at=worker.clock() + timedelta(seconds=1200),
        refresh_started_at=worker.clock(),
        refresh_error="http_500",
    )

    assert isinstance(tokens.at_hand(number), AccessToken)
    worker.clock.advance(OVER - DUE)
    with pytest.raises(TryLater, match="acme: its last refresh failed") as caught:
        tokens.at_hand(number)

    assert caught.value.retry_after == 1200 - (OVER - DUE)
    assert worker.endpoint.posted == []


def test_a_client_that_is_throttled_says_for_how_long(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """What Envoy has against all of us concerns every connection: their refreshes are not begun."""
    first, second = connect(worker, 2)
    worker.clock.advance(OVER)
    worker.endpoint.replies.append(Reply(429, headers={"Retry-After": "70"}))

    with pytest.raises(Throttled):
        begun(tokens.at_hand(first)).result(10)
    with pytest.raises(TryLater, match="rate limited") as caught:
        tokens.at_hand(second)

    assert caught.value.retry_after == 70
    assert len(worker.endpoint.posted) == 1


def test_without_a_grant_nothing_is_begun(worker: WorkerWithTokenEndpoint, tokens: Tokens) -> None:
    """Removed, dead or gone: NeedsAuthorisation at once."""
    number = worker.connect()
    worker.change(status=ConnectionStatus.NEEDS_AUTHORISATION, status_reason="revoked_or_expired")

    for unknown in (number, number + 99):
        with pytest.raises(NeedsAuthorisation):
            tokens.at_hand(unknown)

    assert worker.endpoint.posted == []


def test_a_refresh_token_of_a_backup_is_not_posted(worker: WorkerWithTokenEndpoint, tokens: Tokens) -> None:
    """It was taken for spent and wiped: the access token serves to its end, then the grant is over."""
    number = worker.connect()
    worker.change(refresh_token_enc=None)
    worker.clock.advance(DUE)

    assert isinstance(tokens.at_hand(number), AccessToken)
    worker.clock.advance(OVER - DUE)
    with pytest.raises(NeedsAuthorisation, match="restored"):
        tokens.at_hand(number)

    assert worker.row().status == ConnectionStatus.NEEDS_AUTHORISATION


@pytest.mark.parametrize("is_over", [False, True], ids=["valid", "over"])
def test_a_damaged_refresh_token_holds_its_connection(
    worker: WorkerWithTokenEndpoint, *, is_over: bool
) -> None:
    """Beside the work as well it is found out when it is to be posted, and that is told once."""
    number = worker.connect()
    other = worker.connect("other", "30000")
    worker.clock.advance(OVER if is_over else DUE)
    worker.change(refresh_token_enc=worker.row("other").refresh_token_enc)
    tokens = worker.tokens()

    with capture_logs() as events:
        found = tokens.at_hand(number)
        if is_over:
            with pytest.raises(TokenDamaged):
                begun(found).result(10)
        wait_for_all(tokens)

    assert worker.row().hold_reason == HoldReason.DAMAGED_TOKEN
    assert [event["event"] for event in events] == ["connection.held"]
    assert isinstance(tokens.soon(other), AccessToken)
    tokens.close()


def test_a_dead_grant_ends_the_future_as_it_ends_who_waits(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """The refusal is stored and told, and the next who asks is told at once."""
    number = worker.connect()
    worker.clock.advance(OVER)
    worker.endpoint.always = refusal("invalid_grant")

    with pytest.raises((GrantDead, NeedsAuthorisation)):
        begun(tokens.at_hand(number)).result(10)
    with pytest.raises(NeedsAuthorisation):
        tokens.at_hand(number)


def test_a_refresh_that_fails_beside_a_valid_token_is_told_and_rests(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Nobody waited for it, so nobody is hindered; the event says so, once."""
    number = worker.connect()
    worker.clock.advance(DUE)
    worker.endpoint.always = Reply(500)

    with capture_logs() as events:
        for _ in range(5):
            assert isinstance(tokens.at_hand(number), AccessToken)
            wait_for_all(tokens)

    assert [event["event"] for event in events] == ["token.refresh_failed"]
    assert len(worker.endpoint.posted) == 1
