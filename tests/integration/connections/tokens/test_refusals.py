"""What a refusal of the token endpoint means, and for whom."""

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.support import House
from worker.connections import store
from worker.connections.states import ConnectionStatus, HoldReason
from worker.errors import ClientRefused, NeedsAuthorisation, NotSent, TryLater, WorkerError

TWIN = refusal("no_word_of_the_standard")


def statuses(house: House) -> set[str]:
    """Return the statuses that connections have, as they are stored."""
    return {row.status for row in store.connections(house.database)}


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_grant_ends_its_connection_once(house: House, status: int) -> None:
    """One post, one ERROR event with the command that repairs it, and silence in a hundred calls after."""
    number = house.connect()
    house.endpoint.always = refusal("invalid_grant", status)
    tokens = house.tokens()

    with capture_logs() as events:
        for _ in range(100):
            with pytest.raises(NeedsAuthorisation):
                tokens.access(number, rejected_version=1)

    row = house.row()
    assert (row.status, row.status_reason) == (ConnectionStatus.NEEDS_AUTHORISATION, "revoked_or_expired")
    assert len(house.endpoint.posted) == 1
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


def test_a_dead_grant_leaves_the_others_alone(house: House) -> None:
    """One customer removed the application: the next one gets its token in the same breath."""
    dead, alive = house.connect("acme", "1"), house.connect("globex", "2")
    house.endpoint.replies.append(refusal("invalid_grant"))
    tokens = house.tokens()

    with pytest.raises(NeedsAuthorisation):
        tokens.access(dead, rejected_version=1)

    assert tokens.access(alive, rejected_version=1).version == 2


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_a_wrong_client_secret_is_nobodys_end(house: House, word: str) -> None:
    """Ten connections, one alarm, one post; no status changes, and all refreshing rests."""
    numbers = [house.connect(f"customer-{index}", str(index)) for index in range(10)]
    house.clock.advance(4000)
    house.endpoint.always = refusal(word)
    tokens = house.tokens()

    with capture_logs() as events:
        with pytest.raises(ClientRefused):
            tokens.access(numbers[0])
        for number in numbers:
            with pytest.raises(TryLater):
                tokens.access(number)

    assert statuses(house) == {ConnectionStatus.ACTIVE}
    assert len(house.endpoint.posted) == 1
    assert [(event["event"], event["log_level"]) for event in events] == [("token.refresh_failed", "error")]
    assert "ENVOY_CLIENT_SECRET" in events[0]["hint"]


def test_a_mended_client_secret_is_noticed_after_a_minute(small_house: House) -> None:
    """The rest of a wrong secret is short: the next try after a minute finds it repaired."""
    first, second = small_house.connect("acme", "1"), small_house.connect("globex", "2")
    small_house.clock.advance(4000)
    small_house.endpoint.replies.append(refusal("invalid_client"))
    tokens = small_house.tokens()
    with pytest.raises(ClientRefused):
        tokens.access(first)

    small_house.clock.advance(61)

    assert tokens.access(second).version == 2


def test_a_valid_token_serves_while_the_client_secret_is_wrong(small_house: House) -> None:
    """Trouble with a refresh ahead of time does not reach the invites."""
    number = small_house.connect()
    small_house.clock.advance(3200)
    small_house.endpoint.always = refusal("invalid_client")
    tokens = small_house.tokens()

    assert [tokens.access(number).version for _ in range(3)] == [1, 1, 1]
    assert len(small_house.endpoint.posted) == 1


@pytest.mark.parametrize(
    "reply", [TWIN, refusal({"code": "?"}), Reply(401), Reply(400, b"<p>no</p>")], ids=str
)
def test_a_refusal_without_a_known_reason_holds_a_lone_connection(house: House, reply: Reply) -> None:
    """Grant or client, nobody can tell: the connection is held with an alarm, and not ended."""
    number = house.connect()
    house.clock.advance(4000)
    house.endpoint.always = reply

    with capture_logs() as events, pytest.raises(TryLater):
        house.tokens().access(number)

    row = house.row()
    assert row.status == ConnectionStatus.ACTIVE
    assert row.hold_reason == HoldReason.UNAUTHORISED
    assert [(event["event"], event["log_level"]) for event in events] == [("connection.held", "error")]


def test_a_refusal_of_one_among_served_ones_is_its_grants_end(small_house: House) -> None:
    """With the same credentials another connection was just served, so it is not the credentials."""
    first, second = small_house.connect("acme", "1"), small_house.connect("globex", "2")
    tokens = small_house.tokens()
    tokens.access(first, rejected_version=1)
    small_house.endpoint.replies.append(TWIN)

    with pytest.raises(NeedsAuthorisation):
        tokens.access(second, rejected_version=1)

    assert small_house.row("acme").status == ConnectionStatus.ACTIVE
    assert small_house.row("globex").status == ConnectionStatus.NEEDS_AUTHORISATION


def test_a_refusal_of_all_ends_nobody(small_house: House) -> None:
    """Where every refresh fails for no known reason it must be the client."""
    numbers = [small_house.connect(f"customer-{index}", str(index)) for index in range(3)]
    small_house.clock.advance(4000)
    small_house.endpoint.always = TWIN
    tokens = small_house.tokens()

    for _ in range(4):
        for number in numbers:
            with pytest.raises(TryLater):
                tokens.access(number)
        small_house.clock.advance(400)

    assert statuses(small_house) == {ConnectionStatus.ACTIVE}


def test_a_connection_served_between_two_refusals_of_another_decides(house: House) -> None:
    """Short-lived processes have no memory: what the table shows between two refusals is enough."""
    first, second = house.connect("acme", "1"), house.connect("globex", "2")
    house.clock.advance(4000)
    house.endpoint.replies.append(TWIN)
    with pytest.raises(TryLater):
        house.tokens().access(second)
    house.clock.advance(400)
    house.tokens().access(first)
    house.endpoint.replies.append(TWIN)

    with pytest.raises(NeedsAuthorisation):
        house.tokens().access(second)


def test_a_success_of_long_ago_decides_nothing(small_house: House) -> None:
    """The secret may have been changed since: a quarter of an hour is as far as a success reaches."""
    first, second = small_house.connect("acme", "1"), small_house.connect("globex", "2")
    tokens = small_house.tokens()
    tokens.access(first, rejected_version=1)
    small_house.clock.advance(4000)
    small_house.endpoint.replies.append(TWIN)

    with pytest.raises(TryLater):
        tokens.access(second)

    assert statuses(small_house) == {ConnectionStatus.ACTIVE}


def test_a_wave_of_dead_grants_is_stopped(house: House) -> None:
    """Twenty grants that die together are Envoy's incident: five are ended, the others are only held."""
    numbers = [house.connect(f"customer-{index:02}", str(index)) for index in range(20)]
    house.clock.advance(4000)
    house.endpoint.always = refusal("invalid_grant")
    tokens = house.tokens()

    for number in numbers:
        with pytest.raises(WorkerError):
            tokens.access(number)

    rows = store.connections(house.database)
    ended = [row for row in rows if row.status == ConnectionStatus.NEEDS_AUTHORISATION]
    held = [row for row in rows if row.hold_reason == HoldReason.UNAUTHORISED]
    assert (len(ended), len(held)) == (5, 15)


def test_after_a_wave_dead_grants_are_ended_again(house: House) -> None:
    """Ten minutes later the next refusals count as what they say."""
    numbers = [house.connect(f"customer-{index:02}", str(index)) for index in range(7)]
    house.clock.advance(4000)
    house.endpoint.always = refusal("invalid_grant")
    tokens = house.tokens()
    for number in numbers:
        with pytest.raises(WorkerError):
            tokens.access(number)

    house.clock.advance(901)
    with pytest.raises(NeedsAuthorisation):
        tokens.access(numbers[-1])


def test_an_endpoint_that_is_not_there_is_told_with_its_reason(small_house: House) -> None:
    """Nothing was sent: the error says so, the event is a warning, the next try comes after a rest."""
    number = small_house.connect()
    small_house.endpoint.close()

    with capture_logs() as events, pytest.raises(NotSent):
        small_house.tokens().access(number, rejected_version=1)

    assert [(event["log_level"], event["error_code"]) for event in events] == [("warning", "connect_failed")]
    assert small_house.row().refresh_error == "connect_failed"


def test_an_endpoint_that_speaks_no_oauth_becomes_an_error_with_a_hint(small_house: House) -> None:
    """The third malformed answer in a row needs a person."""
    number = small_house.connect()
    small_house.endpoint.always = Reply(200, b"<html>")

    with capture_logs() as events:
        for _ in range(3):
            with pytest.raises(WorkerError):
                small_house.tokens().access(number, rejected_version=1)
            small_house.clock.advance(301)

    assert [event["log_level"] for event in events] == ["warning", "warning", "error"]
    assert "token_url" in events[-1]["hint"]
