"""After a restore each stored refresh token counts as spent: to post it may end the grant that lives."""

import pytest
import structlog

from tests.integration.connections.support import House
from worker.connections import store
from worker.errors import NeedsAuthorisation
from worker.invites import restored

LIFE = 3600.0


def restore(house: House) -> restored.Begun:
    """Say that the database comes from a backup."""
    return restored.begin(house.database, first_look=5, clock=house.clock)


def test_the_access_token_is_used_to_its_end_and_nothing_is_posted(house: House) -> None:
    """Near its end no refresh is tried; after it the customer must authorise again, which is told once."""
    number = house.connect()
    (spent,) = restore(house).spent
    tokens = house.tokens()

    assert (spent.name, spent.usable_until) == ("acme", house.row().access_expires_at)
    house.clock.advance(LIFE - 1)
    assert tokens.access(number).value == "access-10000-000001"
    house.clock.advance(2)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(NeedsAuthorisation, match="restored") as caught:
                tokens.access(number)

    assert "envoy-worker connect acme" in caught.value.hint
    (event,) = [log for log in logs if log["event"] == "connection.needs_authorisation"]
    assert event["error_code"] == "restored"
    assert (house.row().status, house.row().status_reason) == ("needs_authorisation", "restored")
    assert house.endpoint.posted == []


def test_an_access_token_that_envoy_refuses_is_over(house: House) -> None:
    """There is nothing to refresh it by."""
    number = house.connect()
    restore(house)
    token = house.tokens().access(number)

    with pytest.raises(NeedsAuthorisation, match="restored"):
        house.tokens().access(number, rejected_version=token.version)

    assert house.endpoint.posted == []


def test_a_grant_without_a_valid_access_token_is_over_at_once(house: House) -> None:
    """Nothing of it is of use; one that the customer removed stays as it is."""
    house.connect()
    house.connect("other", "2")
    store.remove(house.database, "other")
    house.clock.advance(LIFE)

    (spent,) = restore(house).spent

    assert (spent.name, spent.usable_until) == ("acme", None)
    assert (house.row().status, house.row().access_token_enc) == ("needs_authorisation", None)
    assert house.row("other").status == "removed"


def test_a_new_grant_is_as_good_as_ever(house: House) -> None:
    """The customer authorises again: its own refresh token is used, and only that."""
    house.connect()
    restore(house)
    number = house.connect()

    house.clock.advance(LIFE)
    house.tokens().access(number)

    assert house.endpoint.posted == ["refresh-10000-000002"]


def test_the_nightly_refresh_posts_none_of_them(house: House) -> None:
    """It leaves the access token alone, and says of a dead one that the customer must authorise again."""
    house.connect()
    restore(house)
    tokens = house.tokens()

    assert not tokens.keep_fresh(max_idle=0).did_something
    house.clock.advance(LIFE)

    assert tokens.keep_fresh(max_idle=0).counts["needs_authorisation"] == 1
    assert not tokens.keep_fresh(max_idle=0).did_something
    assert house.endpoint.posted == []
