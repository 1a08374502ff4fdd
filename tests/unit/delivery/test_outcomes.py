"""The decision table: what each end of an attempt means for the row."""

import pytest

from tests.due_rows import due_row
from worker.backoff import BackOff
from worker.delivery.outcomes import accepted, failed, forbidden_amid_successes
from worker.delivery.plan import Call
from worker.envoy.api import Written
from worker.envoy.resources import Invite
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorised,
)
from worker.invites import Kind, Status, Verdict

CREATE = Call(Kind.CREATE, content={"locationId": "1"})
UPDATE = Call(Kind.UPDATE, content={"locationId": "1"})
REMOVE = Call(Kind.REMOVE)
ANSWER = Written(201, Invite("77", "APPROVED", None, None, None, None, None, None))


@pytest.mark.parametrize("call", [CREATE, UPDATE, REMOVE])
@pytest.mark.parametrize("error", [NotSent(), Throttled(), Unauthorised(), Misdirected()])
def test_what_was_not_executed_is_deferred_and_costs_nothing(call: Call, error: EnvoyError) -> None:
    """The row is due again at once and no attempt is counted: the hindrance is held elsewhere."""
    outcome = failed(call, due_row(), error)

    assert (outcome.verdict, outcome.status) == (Verdict.DEFERRED, Status.PENDING)
    assert not outcome.counts_as_attempt
    assert not outcome.back_off


def test_a_doubtful_create_is_unknown_and_a_doubtful_update_is_repeated() -> None:
    """Only a create would be there twice."""
    assert failed(CREATE, due_row(), OutcomeUnknown()).status is Status.UNKNOWN
    for call in (UPDATE, REMOVE):
        outcome = failed(call, due_row(), OutcomeUnknown())
        assert (outcome.status, outcome.back_off) == (Status.PENDING, True)
        assert not outcome.counts_as_attempt, "it may be part of an outage"


@pytest.mark.parametrize("error", [Refused(error_code="refused_422"), NotFound()])
def test_a_refusal_is_final(error: EnvoyError) -> None:
    """The row is rejected with Envoy's code."""
    outcome = failed(CREATE, due_row(), error)

    assert (outcome.verdict, outcome.status) == (Verdict.REJECTED, Status.REJECTED)
    assert outcome.error_code == error.error_code


def test_a_403_waits() -> None:
    """It may be the connection's trouble, so the row is not rejected at once."""
    outcome = failed(CREATE, due_row(), Forbidden())

    assert (outcome.status, outcome.back_off, outcome.counts_as_attempt) == (Status.PENDING, True, False)


@pytest.mark.parametrize("call", [UPDATE, REMOVE])
def test_a_row_that_is_refused_amid_successes_leaves_nothing_in_doubt(call: Call) -> None:
    """It was not executed: above all, no remove of ours may then seem to be why the invite is missing."""
    row = due_row(envoy_invite_id="5", sent_content={"notes": "a"})

    outcome = forbidden_amid_successes(call, row, Forbidden())

    assert outcome.status is Status.REJECTED
    assert (outcome.restored, outcome.content) == (True, {"notes": "a"})


def test_an_accepted_create_takes_envoys_id() -> None:
    """The id and the approval status of the answer are kept, and the status that it came with."""
    outcome = accepted(CREATE, due_row(), ANSWER)

    assert (outcome.status, outcome.envoy_invite_id, outcome.approval_status, outcome.http_status) == (
        Status.SENT,
        "77",
        "APPROVED",
        201,
    )


def test_an_accepted_update_keeps_the_id_it_had() -> None:
    """Whatever the answer shows, the row stays with its invite."""
    outcome = accepted(UPDATE, due_row(envoy_invite_id="5"), ANSWER)

    assert (outcome.event, outcome.envoy_invite_id) == ("updated", "5")


def test_an_accepted_removal_forgets_the_id() -> None:
    """Wanted again, it is created again."""
    outcome = accepted(REMOVE, due_row(envoy_invite_id="5"), Written(404, None))

    assert (outcome.status, outcome.envoy_invite_id, outcome.content) == (Status.WITHDRAWN, None, None)
    assert outcome.http_status == 404


@pytest.mark.parametrize(("deferrals", "most"), [(0, 5), (1, 10), (4, 80), (40, 900)])
def test_the_back_off_doubles_up_to_its_most_and_never_falls_below_its_least(
    deferrals: int, most: float
) -> None:
    """Full jitter below a ceiling that doubles."""
    waits = [BackOff(5, 900).jittered(deferrals) for _ in range(300)]

    assert min(waits) >= 5
    assert max(waits) <= most
