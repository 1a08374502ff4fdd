"""What a verdict does to a row that others have been at while its request was on its way."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.contested_row import (
    DEFERRED,
    IN_DOUBT,
    PAST,
    REFUSED,
    SENT,
    ContestedRow,
)
from tests.integration.delivery.interrupted_attempts import DEAD
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.outcomes import Outcome
from worker.delivery.recovery.interrupted import abandoned, give_up
from worker.delivery.store.verdicts import LONGEST_DETAIL, Stored
from worker.failpoints import armed
from worker.invites import Kind


@pytest.fixture
def contested_row(shared_worker: WorkerWithSandbox) -> ContestedRow:
    """Give a row of its own."""
    return ContestedRow(shared_worker)


def test_a_create_that_ends_in_doubt_stays_so_though_the_caller_changed_the_row(
    contested_row: ContestedRow,
) -> None:
    """It settles first: if it were due for the change, it would be created a second time."""
    attempt = contested_row.begin()
    contested_row.change()

    assert attempt.store(IN_DOUBT) is Stored.SETTLED

    after = contested_row.delivery
    assert (after["status"], after["revision"]) == ("unknown", 2)
    assert after["unknown_since"] is not None
    assert 1 < contested_row.worker.wait(contested_row.key) <= 5, "Envoy may need a moment until it shows it"
    assert after["content_key"] == contested_row.key, "no twin may be sent in between"


@pytest.mark.parametrize("outcome", [DEFERRED, REFUSED], ids=["deferred", "refused"])
def test_a_change_is_due_at_once_after_an_attempt_that_was_not_executed(
    contested_row: ContestedRow, outcome: Outcome
) -> None:
    """The refusal was of the older revision, and so was the wait."""
    attempt = contested_row.begin()
    contested_row.change()

    attempt.store(replace(outcome, back_off=True))

    assert contested_row.due().revision == 2
    assert (contested_row.delivery["status"], contested_row.delivery["content_key"]) == ("pending", None)


@pytest.mark.parametrize("outcome", [SENT, IN_DOUBT, DEFERRED, REFUSED], ids=lambda one: str(one.verdict))
def test_the_verdict_of_an_attempt_settles_no_later_one(
    contested_row: ContestedRow, outcome: Outcome
) -> None:
    """The row is the next attempt's; the ledger takes both verdicts, each on its own line."""
    late = contested_row.begin(Kind.UPDATE)
    contested_row.end_lease()
    contested_row.begin(Kind.UPDATE)
    before = contested_row.delivery

    assert late.store(outcome) in {Stored.STALE, Stored.OTHER_ID}

    assert contested_row.delivery == before
    verdicts = {line["id"]: line["verdict"] for line in contested_row.lines}
    assert verdicts == {late.claim.attempt_id: outcome.verdict, before["attempt_id"]: None}


def test_a_late_verdict_does_not_unwrite_what_the_ledger_says(contested_row: ContestedRow) -> None:
    """A line is written once: an attempt that was called interrupted stays so."""
    attempt = contested_row.begin(Kind.UPDATE)
    contested_row.stand(lease_owner=DEAD, lease_until=PAST)
    for found in abandoned(contested_row.database, longest_lease=60):
        give_up(contested_row.database, found, first_look=5)
    (before,) = contested_row.lines
    assert before["verdict"] == "interrupted"

    attempt.store(SENT)

    assert contested_row.lines == [before]


def test_an_answer_with_another_id_than_the_rows_is_told_with_both(worker: WorkerWithSandbox) -> None:
    """Envoy may hold the visit twice: an ERROR has the new id and the hint to compare."""
    worker.add()

    def look_it_up() -> None:
        worker_rows.set_delivery(worker, status="sent", envoy_invite_id="7", sent_revision=1, fencing_token=9)

    with armed("after_answer", action=look_it_up), capture_logs() as lines:
        worker.push()

    (told,) = (line for line in lines if line["event"] == "invite.stale")
    (in_envoy,) = worker.sandbox.invites()
    assert (told["log_level"], told["envoy_invite_id"]) == ("error", in_envoy["id"])
    assert "twice" in told["hint"]
    assert worker.delivery()["envoy_invite_id"] == "7"
    assert worker.attempts()[0]["envoy_invite_id"] == in_envoy["id"]


def test_an_answer_with_the_rows_own_id_is_no_cause_for_alarm(contested_row: ContestedRow) -> None:
    """A look-up has found it already: the same visit, once."""
    attempt = contested_row.begin()
    contested_row.stand(status="sent", envoy_invite_id="77", sent_revision=1)

    assert attempt.store(SENT) is Stored.STALE


def test_a_long_refusal_is_stored_in_part(contested_row: ContestedRow) -> None:
    """Of what Envoy wrote the row and the ledger keep the first 500 characters."""
    contested_row.tried(replace(REFUSED, detail="x" * 600))

    assert contested_row.delivery["error_detail"] == "x" * LONGEST_DETAIL == contested_row.lines[0]["detail"]
