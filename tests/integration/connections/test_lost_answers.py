"""Answers that never came: the same token again at once, and an honest word where that was too late."""

import os
import signal

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import LOST, Reply
from tests.integration.connections.support import House, start_child
from worker.connections.model import ConnectionStatus
from worker.errors import NeedsAuthorisation, OutcomeUnknown


def test_a_forgiving_server_gives_the_lost_pair_again(house: House) -> None:
    """The answer is lost, the server has a grace window: the same token, half a second later, is enough."""
    number = house.connect()
    house.endpoint.grace = True
    house.endpoint.replies.append(LOST)

    token = house.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert house.endpoint.posted == ["refresh-10000-000001"] * 2
    assert house.waits == [0.5]


def test_a_strict_server_has_ended_the_grant_and_the_operator_is_told_why(house: House) -> None:
    """Without a grace window the loss of one answer costs the grant; it is called by its name."""
    number = house.connect()
    house.endpoint.replies.append(LOST)

    with capture_logs() as events, pytest.raises(NeedsAuthorisation, match="lost_rotation"):
        house.tokens().access(number, rejected_version=1)

    row = house.row()
    assert (row.status, row.status_reason) == (ConnectionStatus.NEEDS_AUTHORISATION, "lost_rotation")
    assert house.endpoint.posted == ["refresh-10000-000001"] * 2
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("connection.needs_authorisation", "error")
    ]
    assert "envoy-worker connect acme" in events[0]["hint"]


def test_a_token_goes_out_three_times_at_most(house: House) -> None:
    """Two repeats, half a second and five seconds later; then it rests, and the doubt stays on record."""
    number = house.connect()
    house.endpoint.always = Reply(0)

    with pytest.raises(OutcomeUnknown):
        house.tokens().access(number, rejected_version=1)

    assert len(house.endpoint.posted) == 3
    assert house.waits == [0.5, 5.0]
    assert house.row().refresh_fingerprint is not None
    assert house.row().status == ConnectionStatus.ACTIVE


def test_a_doubt_is_remembered_until_the_next_refresh(house: House) -> None:
    """Refused an hour after its answers were lost, the grant is known to have died of that."""
    number = house.connect()
    house.endpoint.replies += [LOST, Reply(0), Reply(0)]
    with pytest.raises(OutcomeUnknown):
        house.tokens().access(number, rejected_version=1)
    house.clock.advance(301)

    with pytest.raises(NeedsAuthorisation, match="lost_rotation"):
        house.tokens().access(number, rejected_version=1)


def test_a_refusal_that_was_never_in_doubt_is_no_lost_rotation(house: House) -> None:
    """An earlier failure that surely spent nothing leaves no doubt behind."""
    number = house.connect()
    house.endpoint.replies += [Reply(429), Reply(401, b'{"error": "invalid_grant"}')]
    for _ in range(2):
        with pytest.raises(Exception, match=r".") as caught:
            house.tokens().access(number, rejected_version=1)
        house.clock.advance(301)

    assert "revoked_or_expired" in str(caught.value)


@pytest.mark.parametrize("status", [500, 503, 408])
def test_an_answer_of_envoys_own_is_not_repeated_at_once(small_house: House, status: int) -> None:
    """A server in trouble is left alone until the cool-down is over."""
    number = small_house.connect()
    small_house.endpoint.always = Reply(status)

    with pytest.raises(OutcomeUnknown):
        small_house.tokens().access(number, rejected_version=1)

    assert len(small_house.endpoint.posted) == 1


@pytest.mark.parametrize("reply", [Reply(502), Reply(504), Reply(200, b"<html>")], ids=str)
def test_an_answer_that_was_lost_on_the_way_is_asked_for_again(small_house: House, reply: Reply) -> None:
    """A gateway's error, or a success that cannot be read, may hide a pair that was given."""
    number = small_house.connect()
    small_house.endpoint.grace = True
    small_house.endpoint.replies.append(Reply(reply.status, reply.body, rotates=True))

    assert small_house.tokens().access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("grace", [True, False])
def test_a_process_killed_before_it_could_save_is_found_out(real_house: House, grace: bool) -> None:
    """Killed between Envoy's rotation and our commit: one more post, no loop; grace decides how it ends."""
    house = real_house
    number = house.connect()
    house.endpoint.grace = grace
    house.endpoint.replies.append(LOST)
    child = start_child(house, number, "once")
    house.once(lambda: os.kill(child.pid, signal.SIGKILL))
    child.communicate(b"go\n", timeout=30)
    assert child.returncode == -signal.SIGKILL

    if grace:
        assert house.tokens().access(number, rejected_version=1).version == 2
    else:
        with pytest.raises(NeedsAuthorisation, match="lost_rotation"):
            house.tokens().access(number, rejected_version=1)
        with pytest.raises(NeedsAuthorisation):
            house.tokens().access(number, rejected_version=1)

    assert house.endpoint.posted == ["refresh-10000-000001"] * 2
