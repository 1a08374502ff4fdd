"""Which refusal is a row's own: what is compared, without asking anybody."""

from datetime import timedelta

import pytest

from tests.due_rows import NOW, due_row
from worker.delivery.outcomes import failed
from worker.delivery.plan import Call
from worker.delivery.refusals import Evidence, Unproven, is_settled, refused_before
from worker.errors import NotFound, Refused
from worker.invites import Kind, Status

CREATE = Call(Kind.CREATE, {"locationId": "1"})
MOVE = Call(Kind.UPDATE, {"locationId": "1"})
UPDATE = Call(Kind.UPDATE, {"notes": "b"})
REMOVE = Call(Kind.REMOVE)
GONE = NotFound(http_status=404)
BLOCKED = Refused(error_code="refused_405", http_status=405)
ROW = due_row(envoy_invite_id="5", sent_content={"notes": "a", "sendEmailToInvitee": False})
ANSWERED = Evidence(again=True, answered=True)
OVER = Evidence(again=True, over=True)


@pytest.mark.parametrize("call", [CREATE, MOVE, UPDATE, REMOVE])
@pytest.mark.parametrize("error", [GONE, BLOCKED])
def test_without_evidence_a_refusal_settles_nothing(call: Call, error: Refused) -> None:
    """The row waits, longer each time; its attempt does not count, and its id stays."""
    outcome = failed(call, ROW, error, recreate=True)

    assert (outcome.status, outcome.back_off, outcome.gone) == (Status.PENDING, True, False)
    assert (outcome.counts_as_attempt, outcome.unproven, outcome.refusal) == (False, Unproven.FIRST, None)


@pytest.mark.parametrize(
    ("call", "error", "settled"),
    [
        (CREATE, GONE, True),
        (MOVE, GONE, True),
        (UPDATE, GONE, False),
        (REMOVE, GONE, False),
        (CREATE, BLOCKED, True),
        (UPDATE, BLOCKED, True),
        (REMOVE, BLOCKED, True),
    ],
)
def test_that_envoy_answers_does_not_say_that_an_invite_is_gone(
    call: Call, error: Refused, settled: bool
) -> None:
    """A 404 to what names nothing but the invite needs more than an answer to something else."""
    assert is_settled(call, error, ANSWERED) == settled
    assert is_settled(call, error, Evidence(again=True, answered=True, gone=True))


@pytest.mark.parametrize(
    ("call", "status"),
    [(CREATE, Status.PENDING), (UPDATE, Status.REJECTED), (REMOVE, Status.REJECTED)],
)
def test_what_nothing_proves_is_a_persons_when_the_visit_is_over(call: Call, status: Status) -> None:
    """But for a create, which its visit's end ends."""
    outcome = failed(call, ROW, GONE, evidence=OVER)

    assert (outcome.status, outcome.error_code, outcome.gone) == (status, "not_found", False)


@pytest.mark.parametrize(
    ("fields", "again"),
    [
        ({"refused_at": NOW, "error_code": "not_found"}, True),
        ({"refused_at": None, "error_code": "not_found"}, False),
        ({"refused_at": NOW, "error_code": "refused_405"}, False),
        ({"refused_at": NOW - timedelta(seconds=1), "error_code": "not_found"}, False),
    ],
    ids=["the same", "first", "another", "the row was changed since"],
)
def test_a_refusal_is_repeated_only_where_it_is_the_same_of_the_same_row(
    fields: dict[str, object], again: bool
) -> None:
    """What was refused before the caller changed the row says nothing about what is sent now."""
    assert refused_before(due_row(**fields), GONE) == again


@pytest.mark.parametrize("call", [UPDATE, REMOVE])
def test_after_a_404_a_change_back_has_something_to_send(call: Call) -> None:
    """Envoy may not have the invite, so that what it has is not equal to what it was sent."""
    outcome = failed(call, ROW, GONE)

    assert outcome.restored
    assert outcome.content is not None
    assert outcome.content["notes"] == "a", "where it was is still known"
    assert outcome.content["sendEmailToInvitee"] is not False
    assert failed(call, ROW, BLOCKED).content == ROW.sent_content
