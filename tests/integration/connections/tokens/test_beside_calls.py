"""A call to Envoy whose token is refreshed beside it, or refused."""

import pytest

from tests.integration.connections.hanging_endpoint import DUE, OVER, hanging, wait_for_all
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import Tokens
from worker.connections.tokens.calls import with_token
from worker.errors import (
    TryLater,
    Unauthorised,
)


def test_a_call_uses_a_valid_token_and_waits_for_none(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Reading Envoy goes on by the old token while its successor is on its way."""
    number = worker.connect()
    worker.clock.advance(DUE)

    with hanging(worker) as endpoint:
        assert with_token(tokens, number, lambda token: token) == "access-10000-000001"
        endpoint.wait_for(1)

    wait_for_all(tokens)
    assert with_token(tokens, number, lambda token: token) == "access-10000-000002"


def test_a_call_whose_token_was_refused_is_made_once_more(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """It waits for the new token, and says which one was refused if that is refused as well."""
    number, used = worker.connect(), list[str]()

    def refused(token: str) -> None:
        used.append(token)
        raise Unauthorised

    with pytest.raises(Unauthorised) as caught:
        with_token(tokens, number, refused)

    assert used == ["access-10000-000001", "access-10000-000002"]
    assert caught.value.token_version == 2


def test_a_call_waits_only_as_long_as_it_is_told_to(worker: WorkerWithTokenEndpoint, tokens: Tokens) -> None:
    """Who has others to serve comes again; the refresh goes on beside."""
    number = worker.connect()
    worker.clock.advance(OVER)

    with hanging(worker), pytest.raises(TryLater, match="acme: its token is being refreshed"):
        with_token(tokens, number, lambda token: token, patience_seconds=0)

    wait_for_all(tokens)
    assert with_token(tokens, number, lambda token: token, patience_seconds=0) == "access-10000-000002"
