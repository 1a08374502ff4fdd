"""Answers that never came: the same token again at once, and an honest word where that was too late."""

import os
import signal
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.endpoint import LOST, Reply, refusal
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint, start_child
from worker.connections.states import ConnectionStatus
from worker.errors import NeedsAuthorisation, OutcomeUnknown, Throttled


def test_a_forgiving_server_gives_the_lost_pair_again(worker: WorkerWithTokenEndpoint) -> None:
    """The answer is lost, the server has a grace window: the same token, half a second later, is enough."""
    number = worker.connect()
    worker.endpoint.grace = True
    worker.endpoint.replies.append(LOST)

    token = worker.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert worker.endpoint.posted == ["refresh-10000-000001"] * 2
    assert worker.waits == [0.5]


def test_a_strict_server_has_ended_the_grant_and_the_operator_is_told_why(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Without a grace window the loss of one answer costs the grant; it is called by its name."""
    number = worker.connect()
    worker.endpoint.replies.append(LOST)

    with capture_logs() as events, pytest.raises(NeedsAuthorisation, match="lost_rotation"):
        worker.tokens().access(number, rejected_version=1)

    row = worker.row()
    assert (row.status, row.status_reason) == (ConnectionStatus.NEEDS_AUTHORISATION, "lost_rotation")
    assert worker.endpoint.posted == ["refresh-10000-000001"] * 2
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("connection.needs_authorisation", "error")
    ]
    assert "envoy-worker connect acme" in events[0]["hint"]


def test_a_token_goes_out_three_times_at_most(worker: WorkerWithTokenEndpoint) -> None:
    """Two repeats, half a second and five seconds later; then it rests, and the doubt stays on record."""
    number = worker.connect()
    worker.endpoint.always = Reply(0)

    with pytest.raises(OutcomeUnknown):
        worker.tokens().access(number, rejected_version=1)

    assert len(worker.endpoint.posted) == 3
    assert worker.waits == [0.5, 5.0]
    assert worker.row().refresh_fingerprint is not None
    assert worker.row().status == ConnectionStatus.ACTIVE


def test_a_doubt_is_remembered_until_the_next_refresh(worker: WorkerWithTokenEndpoint) -> None:
    """Refused an hour after its answers were lost, the grant is known to have died of that."""
    number = worker.connect()
    worker.endpoint.replies += [LOST, Reply(0), Reply(0)]
    with pytest.raises(OutcomeUnknown):
        worker.tokens().access(number, rejected_version=1)
    worker.clock.advance(301)

    with pytest.raises(NeedsAuthorisation, match="lost_rotation"):
        worker.tokens().access(number, rejected_version=1)


def test_a_refusal_that_was_never_in_doubt_is_no_lost_rotation(worker: WorkerWithTokenEndpoint) -> None:
    """An earlier failure that surely spent nothing leaves no doubt behind."""
    number = worker.connect()
    worker.endpoint.replies += [Reply(429), Reply(401, b'{"error": "invalid_grant"}')]
    for _ in range(2):
        with pytest.raises(Exception, match=r".") as caught:
            worker.tokens().access(number, rejected_version=1)
        worker.clock.advance(301)

    assert "revoked_or_expired" in str(caught.value)


def lose_an_answer(worker: WorkerWithTokenEndpoint) -> int:
    """Connect, and refresh with a first post whose answer is lost, and a second that is answered."""
    number = worker.connect()
    worker.endpoint.grace = True
    worker.endpoint.replies.append(LOST)
    assert worker.tokens().access(number, rejected_version=1).version == 2
    return number


def end_of(worker: WorkerWithTokenEndpoint, number: int) -> str | None:
    """Let Envoy refuse the next refresh; return what the grant is said to have ended of."""
    worker.endpoint.replies.append(refusal("invalid_grant"))
    with pytest.raises(NeedsAuthorisation):
        worker.tokens().access(number, rejected_version=worker.row().token_version)
    return worker.row().status_reason


@pytest.mark.parametrize("seconds", [1, 3500, 7 * 86_400])
def test_a_post_that_is_carried_out_late_is_the_reason_for_the_end(
    worker: WorkerWithTokenEndpoint, seconds: float
) -> None:
    """The second post was answered, then the first one ended the grant: the next refresh finds it out."""
    number = lose_an_answer(worker)
    worker.clock.advance(seconds)

    with capture_logs() as events:
        assert end_of(worker, number) == "lost_rotation"

    assert "nobody's fault" in events[0]["hint"]


def test_clean_answers_in_between_do_not_end_the_doubt(worker: WorkerWithTokenEndpoint) -> None:
    """A refusal for other reasons, and a success minutes later, do not show that nothing more comes."""
    number = lose_an_answer(worker)
    worker.endpoint.replies.append(Reply(429))
    with pytest.raises(Throttled):
        worker.tokens().access(number, rejected_version=2)
    worker.clock.advance(1800)
    worker.tokens().access(number, rejected_version=2)
    worker.clock.advance(1800)

    assert end_of(worker, number) == "lost_rotation"


def test_a_refresh_an_hour_later_ends_the_doubt(worker: WorkerWithTokenEndpoint) -> None:
    """By then the lost post would have been carried out: what ends the grant now is something else."""
    number = lose_an_answer(worker)
    worker.clock.advance(3601)
    worker.tokens().access(number, rejected_version=2)

    assert worker.row().answer_lost_at is None
    assert end_of(worker, number) == "revoked_or_expired"


def test_nobody_speaks_of_a_lost_answer_a_month_later(worker: WorkerWithTokenEndpoint) -> None:
    """Nor of one that a wrong clock put into the future."""
    number = lose_an_answer(worker)
    worker.clock.advance(30 * 86_400)
    assert end_of(worker, number) == "revoked_or_expired"

    number = lose_an_answer_again(worker)
    worker.change(answer_lost_at=worker.clock() + timedelta(days=400))
    assert end_of(worker, number) == "revoked_or_expired"


def lose_an_answer_again(worker: WorkerWithTokenEndpoint) -> int:
    """Connect again, which forgets what was lost of the grant before."""
    number = worker.connect()
    assert worker.row().answer_lost_at is None
    worker.endpoint.replies.append(LOST)
    worker.tokens().access(number, rejected_version=worker.row().token_version)
    assert worker.row().answer_lost_at == worker.clock()
    return number


def test_what_a_killed_process_posted_may_be_carried_out_late_too(worker: WorkerWithTokenEndpoint) -> None:
    """It left a trace of its post: the next one was answered, and then the grant ended."""
    number = worker.connect()
    fingerprint = worker.vault.fingerprint(worker.stored_refresh_token())
    worker.change(refresh_fingerprint=fingerprint, refresh_started_at=worker.clock())
    worker.clock.advance(60)
    worker.tokens().access(number, rejected_version=1)

    assert end_of(worker, number) == "lost_rotation"


@pytest.mark.parametrize("status", [500, 503, 408])
def test_an_answer_of_envoys_own_is_not_repeated_at_once(
    sqlite_worker: WorkerWithTokenEndpoint, status: int
) -> None:
    """A server in trouble is left alone until the cool-down is over."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.always = Reply(status)

    with pytest.raises(OutcomeUnknown):
        sqlite_worker.tokens().access(number, rejected_version=1)

    assert len(sqlite_worker.endpoint.posted) == 1


@pytest.mark.parametrize("reply", [Reply(502), Reply(504), Reply(200, b"<html>")], ids=str)
def test_an_answer_that_was_lost_on_the_way_is_asked_for_again(
    sqlite_worker: WorkerWithTokenEndpoint, reply: Reply
) -> None:
    """A gateway's error, or a success that cannot be read, may hide a pair that was given."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.grace = True
    sqlite_worker.endpoint.replies.append(Reply(reply.status, reply.body, rotates=True))

    assert sqlite_worker.tokens().access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("grace", [True, False])
@pytest.mark.parametrize("mode", ["once", "once-beside"])
def test_a_process_killed_before_it_could_save_is_found_out(
    real_time_worker: WorkerWithTokenEndpoint, grace: bool, mode: str
) -> None:
    """Killed between Envoy's rotation and our commit: one more post, no loop; grace decides how it ends."""
    worker = real_time_worker
    number = worker.connect()
    worker.endpoint.grace = grace
    worker.endpoint.replies.append(LOST)
    child = start_child(worker, number, mode)
    worker.once(lambda: os.kill(child.pid, signal.SIGKILL))
    child.communicate(b"go\n", timeout=30)
    assert child.returncode == -signal.SIGKILL

    if grace:
        assert worker.tokens().access(number, rejected_version=1).version == 2
    else:
        with pytest.raises(NeedsAuthorisation, match="lost_rotation"):
            worker.tokens().access(number, rejected_version=1)
        with pytest.raises(NeedsAuthorisation):
            worker.tokens().access(number, rejected_version=1)

    assert worker.endpoint.posted == ["refresh-10000-000001"] * 2
