"""Storing a grant: all of it or nothing, and never another company's."""

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import LOST, Reply, refusal
from tests.integration.connections.worker_with_token_endpoint import REQUEST, START, WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.consent.grant import finish
from worker.connections.states import ConnectionStatus, HoldReason
from worker.errors import ClientRefused, GrantDead, NeedsAuthorisation, UsageError


def test_a_grant_is_stored_whole(worker: WorkerWithTokenEndpoint) -> None:
    """Both tokens sealed, both lifetimes, company and scopes; one event."""
    with capture_logs() as events:
        number = worker.connect()

    row = worker.row()
    assert (row.id, row.status, row.company_id) == (number, ConnectionStatus.ACTIVE, "10000")
    assert (row.scopes, row.token_version) == ("invites.write", 1)
    assert row.access_expires_at == START + timedelta(hours=1)
    assert row.refresh_expires_at == START + timedelta(days=30)
    assert worker.stored_refresh_token() == "refresh-10000-000001"
    assert events == [{"event": "connection.authorised", "log_level": "info", "connection": "acme"}]


def test_the_exchange_is_what_envoy_documents(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The code goes out with the client's credentials, and without a redirect URI."""
    sqlite_worker.connect()

    assert sqlite_worker.endpoint.posts == [
        {
            "grant_type": "authorization_code",
            "code": "code-10000",
            "client_id": "client",
            "client_secret": "client-secret-canary",
        }
    ]


@pytest.mark.parametrize("missing", [None, "", ...])
def test_a_grant_without_refresh_token_is_refused(worker: WorkerWithTokenEndpoint, missing: object) -> None:
    """It would end within a day: the hint names the scope that is missing, and nothing is stored."""
    worker.endpoint.extra = {"refresh_token": missing}

    with pytest.raises(NeedsAuthorisation) as caught:
        worker.connect()

    assert "token.refresh" in caught.value.hint
    assert store.names(worker.database) == []


def test_a_grant_without_the_scope_to_write_is_refused(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Where Envoy says what it granted, it must be enough."""
    sqlite_worker.endpoint.extra = {"scope": "locations.read token.refresh"}

    with pytest.raises(NeedsAuthorisation, match=r"invites\.write"):
        sqlite_worker.connect()

    assert store.names(sqlite_worker.database) == []


def test_the_scopes_that_envoy_granted_are_the_ones_stored(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """What was granted beats what was asked for."""
    sqlite_worker.endpoint.extra = {"scope": "invites.write invites.read"}
    sqlite_worker.connect()

    assert sqlite_worker.row().scopes == "invites.write invites.read"


def test_a_lost_answer_to_the_code_is_not_asked_for_again(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A code works once: one post, nothing stored, and the customer starts again."""
    sqlite_worker.endpoint.replies.append(LOST)

    with pytest.raises(NeedsAuthorisation, match="lost") as caught:
        sqlite_worker.connect()

    assert len(sqlite_worker.endpoint.posts) == 1
    assert "connect" in caught.value.hint
    assert store.names(sqlite_worker.database) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal("invalid_grant"), GrantDead),
        (refusal("invalid_client"), ClientRefused),
        (Reply(200, b"<html>"), NeedsAuthorisation),
    ],
)
def test_a_refused_code_leaves_nothing_behind(
    sqlite_worker: WorkerWithTokenEndpoint, reply: Reply, error: type[Exception]
) -> None:
    """A used code, a wrong client secret, a strange answer: no row, and no code in the text."""
    sqlite_worker.endpoint.replies.append(reply)

    with pytest.raises(error) as caught:
        sqlite_worker.connect()

    assert "code-10000" not in str(caught.value)
    assert store.names(sqlite_worker.database) == []


def test_connecting_again_replaces_the_grant_and_ends_its_troubles(worker: WorkerWithTokenEndpoint) -> None:
    """The dead connection is active again, with all counts forgotten and a higher version."""
    worker.connect()
    worker.change(
        status=ConnectionStatus.NEEDS_AUTHORISATION,
        status_reason="lost_rotation",
        hold_reason=HoldReason.UNAUTHORISED,
        held_until=worker.clock() + timedelta(seconds=600),
        forbidden_count=2,
        refresh_failures=4,
        refresh_retry_at=worker.clock() + timedelta(seconds=200),
        refresh_fingerprint="0badcafe",
        can_read_invites=True,
    )
    number = worker.connect()

    row = worker.row()
    assert (row.status, row.status_reason, row.token_version) == (ConnectionStatus.ACTIVE, None, 2)
    assert (row.hold_reason, row.forbidden_count, row.refresh_failures) == (None, 0, 0)
    assert (row.refresh_retry_at, row.refresh_fingerprint, row.can_read_invites) == (None, None, None)
    assert worker.tokens().access(number).value == "access-10000-000002"


def test_connecting_again_does_not_end_the_operators_pause(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Only resume ends what the operator paused."""
    sqlite_worker.connect()
    store.pause(sqlite_worker.database, "acme")
    sqlite_worker.connect()

    assert sqlite_worker.row().hold_reason == HoldReason.PAUSED


def test_another_companys_grant_is_refused_and_the_old_one_stays(worker: WorkerWithTokenEndpoint) -> None:
    """The wrong administrator signed in: the tokens that work are not replaced."""
    number = worker.connect("acme", "1")

    with pytest.raises(UsageError, match=r"company 1 .* 2"):
        worker.connect("acme", "2")

    row = worker.row()
    assert (row.company_id, row.token_version) == ("1", 1)
    assert worker.tokens().access(number, rejected_version=1).version == 2


def test_a_company_is_connected_under_one_name_only(worker: WorkerWithTokenEndpoint) -> None:
    """A second name for the same company would push its invites twice."""
    worker.connect("acme", "1")

    with pytest.raises(UsageError, match="connected as acme"):
        worker.connect("acme-two", "1")

    assert store.names(worker.database) == ["acme"]


def test_a_company_whose_connection_was_removed_may_come_back_under_another_name(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """A removed connection blocks nothing."""
    sqlite_worker.connect("acme", "1")
    store.remove(sqlite_worker.database, "acme")
    sqlite_worker.connect("acme-two", "1")

    assert sqlite_worker.row("acme-two").status == ConnectionStatus.ACTIVE


def test_a_removed_connection_can_be_connected_again(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The same company under the same name: its invites go on."""
    number = sqlite_worker.connect()
    store.remove(sqlite_worker.database, "acme")

    assert sqlite_worker.connect() == number
    assert sqlite_worker.tokens().access(number).value == "access-10000-000002"


def test_a_bad_name_is_refused_before_the_code_is_spent(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The customer's consent is not wasted on a typo."""
    with pytest.raises(UsageError):
        finish(
            sqlite_worker.database,
            sqlite_worker.vault,
            sqlite_worker.oauth,
            "a/b",
            REQUEST,
            "code-1",
            look=sqlite_worker.look,
        )

    assert sqlite_worker.endpoint.posts == []


def test_an_access_token_with_strange_characters_is_never_stored(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """A token that does not fit into a header is no token."""
    body = json.dumps({"access_token": "a\r\nb", "refresh_token": "r", "token_type": "bearer"})
    sqlite_worker.endpoint.replies.append(Reply(200, body.encode()))

    with pytest.raises(NeedsAuthorisation):
        sqlite_worker.connect()

    assert store.names(sqlite_worker.database) == []
