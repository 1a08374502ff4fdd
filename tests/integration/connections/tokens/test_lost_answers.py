"""Answers that never came: the same token again at once, and an honest word where that was too late."""

import os
import signal
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import LOST, Reply, refusal
from tests.integration.connections.support import House, start_child
from worker.connections.states import ConnectionStatus
from worker.errors import NeedsAuthorisation, OutcomeUnknown, Throttled


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


def lose_an_answer(house: House) -> int:
    """Connect, and refresh with a first post whose answer is lost, and a second that is answered."""
    number = house.connect()
    house.endpoint.grace = True
    house.endpoint.replies.append(LOST)
    assert house.tokens().access(number, rejected_version=1).version == 2
    return number


def end_of(house: House, number: int) -> str | None:
    """Let Envoy refuse the next refresh; return what the grant is said to have ended of."""
    house.endpoint.replies.append(refusal("invalid_grant"))
    with pytest.raises(NeedsAuthorisation):
        house.tokens().access(number, rejected_version=house.row().token_version)
    return house.row().status_reason


@pytest.mark.parametrize("seconds", [1, 3500, 7 * 86_400])
def test_a_post_that_is_carried_out_late_is_the_reason_for_the_end(house: House, seconds: float) -> None:
    """The second post was answered, then the first one ended the grant: the next refresh finds it out."""
    number = lose_an_answer(house)
    house.clock.advance(seconds)

    with capture_logs() as events:
        assert end_of(house, number) == "lost_rotation"

    assert "nobody's fault" in events[0]["hint"]


def test_clean_answers_in_between_do_not_end_the_doubt(house: House) -> None:
    """A refusal for other reasons, and a success minutes later, do not show that nothing more comes."""
    number = lose_an_answer(house)
    house.endpoint.replies.append(Reply(429))
    with pytest.raises(Throttled):
        house.tokens().access(number, rejected_version=2)
    house.clock.advance(1800)
    house.tokens().access(number, rejected_version=2)
    house.clock.advance(1800)

    assert end_of(house, number) == "lost_rotation"


def test_a_refresh_an_hour_later_ends_the_doubt(house: House) -> None:
    """By then the lost post would have been carried out: what ends the grant now is something else."""
    number = lose_an_answer(house)
    house.clock.advance(3601)
    house.tokens().access(number, rejected_version=2)

    assert house.row().answer_lost_at is None
    assert end_of(house, number) == "revoked_or_expired"


def test_nobody_speaks_of_a_lost_answer_a_month_later(house: House) -> None:
    """Nor of one that a wrong clock put into the future."""
    number = lose_an_answer(house)
    house.clock.advance(30 * 86_400)
    assert end_of(house, number) == "revoked_or_expired"

    number = lose_an_answer_again(house)
    house.change(answer_lost_at=house.clock() + timedelta(days=400))
    assert end_of(house, number) == "revoked_or_expired"


def lose_an_answer_again(house: House) -> int:
    """Connect again, which forgets what was lost of the grant before."""
    number = house.connect()
    assert house.row().answer_lost_at is None
    house.endpoint.replies.append(LOST)
    house.tokens().access(number, rejected_version=house.row().token_version)
    assert house.row().answer_lost_at == house.clock()
    return number


def test_what_a_killed_process_posted_may_be_carried_out_late_too(house: House) -> None:
    """It left a trace of its post: the next one was answered, and then the grant ended."""
    number = house.connect()
    fingerprint = house.vault.fingerprint(house.stored_refresh_token())
    house.change(refresh_fingerprint=fingerprint, refresh_started_at=house.clock())
    house.clock.advance(60)
    house.tokens().access(number, rejected_version=1)

    assert end_of(house, number) == "lost_rotation"


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
@pytest.mark.parametrize("mode", ["once", "once-beside"])
def test_a_process_killed_before_it_could_save_is_found_out(
    real_house: House, grace: bool, mode: str
) -> None:
    """Killed between Envoy's rotation and our commit: one more post, no loop; grace decides how it ends."""
    house = real_house
    number = house.connect()
    house.endpoint.grace = grace
    house.endpoint.replies.append(LOST)
    child = start_child(house, number, mode)
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
