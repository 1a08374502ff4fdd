"""Storing a grant: all of it or nothing, and never another company's."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import LOST, Reply, refusal
from tests.integration.connections.support import REQUEST, START, House
from worker.connections import store
from worker.connections.consent.grant import finish
from worker.connections.states import ConnectionStatus, HoldReason
from worker.errors import ClientRefused, GrantDead, NeedsAuthorisation, UsageError


def test_a_grant_is_stored_whole(house: House) -> None:
    """Both tokens sealed, both lifetimes, company and scopes; one event."""
    with capture_logs() as events:
        number = house.connect()

    row = house.row()
    assert (row.id, row.status, row.company_id) == (number, ConnectionStatus.ACTIVE, "10000")
    assert (row.scopes, row.token_version) == ("invites.write", 1)
    assert row.access_expires_at == START + timedelta(hours=1)
    assert row.refresh_expires_at == START + timedelta(days=30)
    assert house.stored_refresh_token() == "refresh-10000-000001"
    assert events == [{"event": "connection.authorised", "log_level": "info", "connection": "acme"}]


def test_the_exchange_is_what_envoy_documents(small_house: House) -> None:
    """The code goes out with the client's credentials, and without a redirect URI."""
    small_house.connect()

    assert small_house.endpoint.posts == [
        {
            "grant_type": "authorization_code",
            "code": "code-10000",
            "client_id": "client",
            "client_secret": "client-secret-canary",
        }
    ]


@pytest.mark.parametrize("missing", [None, "", ...])
def test_a_grant_without_refresh_token_is_refused(house: House, missing: object) -> None:
    """It would end within a day: the hint names the scope that is missing, and nothing is stored."""
    house.endpoint.extra = {"refresh_token": missing}

    with pytest.raises(NeedsAuthorisation) as caught:
        house.connect()

    assert "token.refresh" in caught.value.hint
    assert store.names(house.database) == []


def test_a_grant_without_the_scope_to_write_is_refused(small_house: House) -> None:
    """Where Envoy says what it granted, it must be enough."""
    small_house.endpoint.extra = {"scope": "locations.read token.refresh"}

    with pytest.raises(NeedsAuthorisation, match=r"invites\.write"):
        small_house.connect()

    assert store.names(small_house.database) == []


def test_the_scopes_that_envoy_granted_are_the_ones_stored(small_house: House) -> None:
    """What was granted beats what was asked for."""
    small_house.endpoint.extra = {"scope": "invites.write invites.read"}
    small_house.connect()

    assert small_house.row().scopes == "invites.write invites.read"


def test_a_lost_answer_to_the_code_is_not_asked_for_again(small_house: House) -> None:
    """A code works once: one post, nothing stored, and the customer starts again."""
    small_house.endpoint.replies.append(LOST)

    with pytest.raises(NeedsAuthorisation, match="lost") as caught:
        small_house.connect()

    assert len(small_house.endpoint.posts) == 1
    assert "connect" in caught.value.hint
    assert store.names(small_house.database) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal("invalid_grant"), GrantDead),
        (refusal("invalid_client"), ClientRefused),
        (Reply(200, b"<html>"), NeedsAuthorisation),
    ],
)
def test_a_refused_code_leaves_nothing_behind(
    small_house: House, reply: Reply, error: type[Exception]
) -> None:
    """A used code, a wrong client secret, a strange answer: no row, and no code in the text."""
    small_house.endpoint.replies.append(reply)

    with pytest.raises(error) as caught:
        small_house.connect()

    assert "code-10000" not in str(caught.value)
    assert store.names(small_house.database) == []


def test_connecting_again_replaces_the_grant_and_ends_its_troubles(house: House) -> None:
    """The dead connection is active again, with all counts forgotten and a higher version."""
    house.connect()
    house.change(
        status=ConnectionStatus.NEEDS_AUTHORISATION,
        status_reason="lost_rotation",
        hold_reason=HoldReason.UNAUTHORISED,
        held_until=house.clock() + timedelta(seconds=600),
        forbidden_count=2,
        refresh_failures=4,
        refresh_retry_at=house.clock() + timedelta(seconds=200),
        refresh_fingerprint="0badcafe",
        can_read_invites=True,
    )
    number = house.connect()

    row = house.row()
    assert (row.status, row.status_reason, row.token_version) == (ConnectionStatus.ACTIVE, None, 2)
    assert (row.hold_reason, row.forbidden_count, row.refresh_failures) == (None, 0, 0)
    assert (row.refresh_retry_at, row.refresh_fingerprint, row.can_read_invites) == (None, None, None)
    assert house.tokens().access(number).value == "access-10000-000002"


def test_connecting_again_does_not_end_the_operators_pause(small_house: House) -> None:
    """Only resume ends what the operator paused."""
    small_house.connect()
    store.pause(small_house.database, "acme")
    small_house.connect()

    assert small_house.row().hold_reason == HoldReason.PAUSED


def test_another_companys_grant_is_refused_and_the_old_one_stays(house: House) -> None:
    """The wrong administrator signed in: the tokens that work are not replaced."""
    number = house.connect("acme", "1")

    with pytest.raises(UsageError, match=r"company 1 .* 2"):
        house.connect("acme", "2")

    row = house.row()
    assert (row.company_id, row.token_version) == ("1", 1)
    assert house.tokens().access(number, rejected_version=1).version == 2


def test_a_company_is_connected_under_one_name_only(house: House) -> None:
    """A second name for the same company would push its invites twice."""
    house.connect("acme", "1")

    with pytest.raises(UsageError, match="connected as acme"):
        house.connect("acme-two", "1")

    assert store.names(house.database) == ["acme"]


def test_a_company_whose_connection_was_removed_may_come_back_under_another_name(small_house: House) -> None:
    """A removed connection blocks nothing."""
    small_house.connect("acme", "1")
    store.remove(small_house.database, "acme")
    small_house.connect("acme-two", "1")

    assert small_house.row("acme-two").status == ConnectionStatus.ACTIVE


def test_a_removed_connection_can_be_connected_again(small_house: House) -> None:
    """The same company under the same name: its invites go on."""
    number = small_house.connect()
    store.remove(small_house.database, "acme")

    assert small_house.connect() == number
    assert small_house.tokens().access(number).value == "access-10000-000002"


def test_a_bad_name_is_refused_before_the_code_is_spent(small_house: House) -> None:
    """The customer's consent is not wasted on a typo."""
    with pytest.raises(UsageError):
        finish(
            small_house.database,
            small_house.vault,
            small_house.oauth,
            "a/b",
            REQUEST,
            "code-1",
            look=small_house.look,
        )

    assert small_house.endpoint.posts == []


def test_an_access_token_with_strange_characters_is_never_stored(small_house: House) -> None:
    """A token that does not fit into a header is no token."""
    body = json.dumps({"access_token": "a\r\nb", "refresh_token": "r", "token_type": "bearer"})
    small_house.endpoint.replies.append(Reply(200, body.encode()))

    with pytest.raises(NeedsAuthorisation):
        small_house.connect()

    assert store.names(small_house.database) == []
