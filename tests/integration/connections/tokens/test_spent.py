"""After a restore each stored refresh token counts as spent: to post it may end the grant that lives."""

import pytest
import structlog

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.errors import NeedsAuthorisation
from worker.invites import restored

LIFE = 3600.0


def restore(worker: WorkerWithTokenEndpoint) -> restored.Begun:
    """Say that the database comes from a backup."""
    return restored.begin(worker.database, first_look=5, clock=worker.clock)


def test_the_access_token_is_used_to_its_end_and_nothing_is_posted(worker: WorkerWithTokenEndpoint) -> None:
    """Near its end no refresh is tried; after it the customer must authorise again, which is told once."""
    number = worker.connect()
    (spent,) = restore(worker).spent
    tokens = worker.tokens()

    assert (spent.name, spent.usable_until) == ("acme", worker.row().access_expires_at)
    worker.clock.advance(LIFE - 1)
    assert tokens.access(number).value == "access-10000-000001"
    worker.clock.advance(2)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(NeedsAuthorisation, match="restored") as caught:
                tokens.access(number)

    assert "envoy-worker connect acme" in caught.value.hint
    (event,) = [log for log in logs if log["event"] == "connection.needs_authorisation"]
    assert event["error_code"] == "restored"
    assert (worker.row().status, worker.row().status_reason) == ("needs_authorisation", "restored")
    assert worker.endpoint.posted == []


def test_an_access_token_that_envoy_refuses_is_over(worker: WorkerWithTokenEndpoint) -> None:
    """There is nothing to refresh it by."""
    number = worker.connect()
    restore(worker)
    token = worker.tokens().access(number)

    with pytest.raises(NeedsAuthorisation, match="restored"):
        worker.tokens().access(number, rejected_version=token.version)

    assert worker.endpoint.posted == []


def test_a_grant_without_a_valid_access_token_is_over_at_once(worker: WorkerWithTokenEndpoint) -> None:
    """Nothing of it is of use; one that the customer removed stays as it is."""
    worker.connect()
    worker.connect("other", "2")
    store.remove(worker.database, "other")
    worker.clock.advance(LIFE)

    (spent,) = restore(worker).spent

    assert (spent.name, spent.usable_until) == ("acme", None)
    assert (worker.row().status, worker.row().access_token_enc) == ("needs_authorisation", None)
    assert worker.row("other").status == "removed"


def test_a_new_grant_is_as_good_as_ever(worker: WorkerWithTokenEndpoint) -> None:
    """The customer authorises again: its own refresh token is used, and only that."""
    worker.connect()
    restore(worker)
    number = worker.connect()

    worker.clock.advance(LIFE)
    worker.tokens().access(number)

    assert worker.endpoint.posted == ["refresh-10000-000002"]


def test_the_nightly_refresh_posts_none_of_them(worker: WorkerWithTokenEndpoint) -> None:
    """It leaves the access token alone, and says of a dead one that the customer must authorise again."""
    worker.connect()
    restore(worker)
    tokens = worker.tokens()

    assert not tokens.keep_fresh(max_idle=0).did_something
    worker.clock.advance(LIFE)

    assert tokens.keep_fresh(max_idle=0).counts["needs_authorisation"] == 1
    assert not tokens.keep_fresh(max_idle=0).did_something
    assert worker.endpoint.posted == []
