"""What a refusal of the token endpoint means, and for whom."""

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.states import ConnectionStatus, HoldReason
from worker.errors import ClientRefused, NeedsAuthorisation, NotSent, TryLater, WorkerError

TWIN = refusal("no_word_of_the_standard")


def statuses(worker: WorkerWithTokenEndpoint) -> set[str]:
    """Return the statuses that connections have, as they are stored."""
    return {row.status for row in store.connections(worker.database)}


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_grant_ends_its_connection_once(worker: WorkerWithTokenEndpoint, status: int) -> None:
    """One post, one ERROR event with the command that repairs it, and silence in a hundred calls after."""
    number = worker.connect()
    worker.endpoint.always = refusal("invalid_grant", status)
    tokens = worker.tokens()

    with capture_logs() as events:
        for _ in range(100):
            with pytest.raises(NeedsAuthorisation):
                tokens.access(number, rejected_version=1)

    row = worker.row()
    assert (row.status, row.status_reason) == (ConnectionStatus.NEEDS_AUTHORISATION, "revoked_or_expired")
    assert len(worker.endpoint.posted) == 1
    assert events == [
        {
            "event": "connection.needs_authorisation",
            "log_level": "error",
            "connection": "acme",
            "error_code": "revoked_or_expired",
            "http_status": status,
            "hint": "the customer must authorise again: run `envoy-worker connect acme`",
        }
    ]


def test_a_dead_grant_leaves_the_others_alone(worker: WorkerWithTokenEndpoint) -> None:
    """One customer removed the application: the next one gets its token in the same breath."""
    dead, alive = worker.connect("acme", "1"), worker.connect("globex", "2")
    worker.endpoint.replies.append(refusal("invalid_grant"))
    tokens = worker.tokens()

    with pytest.raises(NeedsAuthorisation):
        tokens.access(dead, rejected_version=1)

    assert tokens.access(alive, rejected_version=1).version == 2


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_a_wrong_client_secret_is_nobodys_end(worker: WorkerWithTokenEndpoint, word: str) -> None:
    """Ten connections, one alarm, one post; no status changes, and all refreshing rests."""
    numbers = [worker.connect(f"customer-{index}", str(index)) for index in range(10)]
    worker.clock.advance(4000)
    worker.endpoint.always = refusal(word)
    tokens = worker.tokens()

    with capture_logs() as events:
        with pytest.raises(ClientRefused):
            tokens.access(numbers[0])
        for number in numbers:
            with pytest.raises(TryLater):
                tokens.access(number)

    assert statuses(worker) == {ConnectionStatus.ACTIVE}
    assert len(worker.endpoint.posted) == 1
    assert [(event["event"], event["log_level"]) for event in events] == [("token.refresh_failed", "error")]
    assert "ENVOY_CLIENT_SECRET" in events[0]["hint"]


def test_a_mended_client_secret_is_noticed_after_a_minute(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The rest of a wrong secret is short: the next try after a minute finds it repaired."""
    first, second = sqlite_worker.connect("acme", "1"), sqlite_worker.connect("globex", "2")
    sqlite_worker.clock.advance(4000)
    sqlite_worker.endpoint.replies.append(refusal("invalid_client"))
    tokens = sqlite_worker.tokens()
    with pytest.raises(ClientRefused):
        tokens.access(first)

    sqlite_worker.clock.advance(61)

    assert tokens.access(second).version == 2


def test_a_valid_token_serves_while_the_client_secret_is_wrong(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """Trouble with a refresh ahead of time does not reach the invites."""
    number = sqlite_worker.connect()
    sqlite_worker.clock.advance(3200)
    sqlite_worker.endpoint.always = refusal("invalid_client")
    tokens = sqlite_worker.tokens()

    assert [tokens.access(number).version for _ in range(3)] == [1, 1, 1]
    assert len(sqlite_worker.endpoint.posted) == 1


@pytest.mark.parametrize(
    "reply", [TWIN, refusal({"code": "?"}), Reply(401), Reply(400, b"<p>no</p>")], ids=str
)
def test_a_refusal_without_a_known_reason_holds_a_lone_connection(
    worker: WorkerWithTokenEndpoint, reply: Reply
) -> None:
    """Grant or client, nobody can tell: the connection is held with an alarm, and not ended."""
    number = worker.connect()
    worker.clock.advance(4000)
    worker.endpoint.always = reply

    with capture_logs() as events, pytest.raises(TryLater):
        worker.tokens().access(number)

    row = worker.row()
    assert row.status == ConnectionStatus.ACTIVE
    assert row.hold_reason == HoldReason.UNAUTHORISED
    assert [(event["event"], event["log_level"]) for event in events] == [("connection.held", "error")]


def test_a_refusal_of_one_among_served_ones_is_its_grants_end(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """With the same credentials another connection was just served, so it is not the credentials."""
    first, second = sqlite_worker.connect("acme", "1"), sqlite_worker.connect("globex", "2")
    tokens = sqlite_worker.tokens()
    tokens.access(first, rejected_version=1)
    sqlite_worker.endpoint.replies.append(TWIN)

    with pytest.raises(NeedsAuthorisation):
        tokens.access(second, rejected_version=1)

    assert sqlite_worker.row("acme").status == ConnectionStatus.ACTIVE
    assert sqlite_worker.row("globex").status == ConnectionStatus.NEEDS_AUTHORISATION


def test_a_refusal_of_all_ends_nobody(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Where every refresh fails for no known reason it must be the client."""
    numbers = [sqlite_worker.connect(f"customer-{index}", str(index)) for index in range(3)]
    sqlite_worker.clock.advance(4000)
    sqlite_worker.endpoint.always = TWIN
    tokens = sqlite_worker.tokens()

    for _ in range(4):
        for number in numbers:
            with pytest.raises(TryLater):
                tokens.access(number)
        sqlite_worker.clock.advance(400)

    assert statuses(sqlite_worker) == {ConnectionStatus.ACTIVE}


def test_a_connection_served_between_two_refusals_of_another_decides(worker: WorkerWithTokenEndpoint) -> None:
    """Short-lived processes have no memory: what the table shows between two refusals is enough."""
    first, second = worker.connect("acme", "1"), worker.connect("globex", "2")
    worker.clock.advance(4000)
    worker.endpoint.replies.append(TWIN)
    with pytest.raises(TryLater):
        worker.tokens().access(second)
    worker.clock.advance(400)
    worker.tokens().access(first)
    worker.endpoint.replies.append(TWIN)

    with pytest.raises(NeedsAuthorisation):
        worker.tokens().access(second)


def test_a_success_of_long_ago_decides_nothing(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The secret may have been changed since: a quarter of an hour is as far as a success reaches."""
    first, second = sqlite_worker.connect("acme", "1"), sqlite_worker.connect("globex", "2")
    tokens = sqlite_worker.tokens()
    tokens.access(first, rejected_version=1)
    sqlite_worker.clock.advance(4000)
    sqlite_worker.endpoint.replies.append(TWIN)

    with pytest.raises(TryLater):
        tokens.access(second)

    assert statuses(sqlite_worker) == {ConnectionStatus.ACTIVE}


def test_a_wave_of_dead_grants_is_stopped(worker: WorkerWithTokenEndpoint) -> None:
    """Twenty grants that die together are Envoy's incident: five are ended, the others are only held."""
    numbers = [worker.connect(f"customer-{index:02}", str(index)) for index in range(20)]
    worker.clock.advance(4000)
    worker.endpoint.always = refusal("invalid_grant")
    tokens = worker.tokens()

    for number in numbers:
        with pytest.raises(WorkerError):
            tokens.access(number)

    rows = store.connections(worker.database)
    ended = [row for row in rows if row.status == ConnectionStatus.NEEDS_AUTHORISATION]
    held = [row for row in rows if row.hold_reason == HoldReason.UNAUTHORISED]
    assert (len(ended), len(held)) == (5, 15)


def test_after_a_wave_dead_grants_are_ended_again(worker: WorkerWithTokenEndpoint) -> None:
    """Ten minutes later the next refusals count as what they say."""
    numbers = [worker.connect(f"customer-{index:02}", str(index)) for index in range(7)]
    worker.clock.advance(4000)
    worker.endpoint.always = refusal("invalid_grant")
    tokens = worker.tokens()
    for number in numbers:
        with pytest.raises(WorkerError):
            tokens.access(number)

    worker.clock.advance(901)
    with pytest.raises(NeedsAuthorisation):
        tokens.access(numbers[-1])


def test_an_endpoint_that_is_not_there_is_told_with_its_reason(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """Nothing was sent: the error says so, the event is a warning, the next try comes after a rest."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.close()

    with capture_logs() as events, pytest.raises(NotSent):
        sqlite_worker.tokens().access(number, rejected_version=1)

    assert [(event["log_level"], event["error_code"]) for event in events] == [("warning", "connect_failed")]
    assert sqlite_worker.row().refresh_error == "connect_failed"


def test_an_endpoint_that_speaks_no_oauth_becomes_an_error_with_a_hint(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """The third malformed answer in a row needs a person."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.always = Reply(200, b"<html>")

    with capture_logs() as events:
        for _ in range(3):
            with pytest.raises(WorkerError):
                sqlite_worker.tokens().access(number, rejected_version=1)
            sqlite_worker.clock.advance(301)

    assert [event["log_level"] for event in events] == ["warning", "warning", "error"]
    assert "token_url" in events[-1]["hint"]
