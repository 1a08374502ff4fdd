"""Doubtful creates, made as they come about, and what Envoy is seen to have of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.due_rows import due_row
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.journals import InlineJournal
from worker.backoff import BackOff
from worker.delivery.outcomes import Outcome
from worker.delivery.store.claims import Claim
from worker.delivery.store.verdicts import Verdicts
from worker.invites import Status, Verdict
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json

ARRIVAL = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
WITHOUT_READING = ("locations.read", "flows.read", "invites.write", "token.refresh")


def doubt(worker: WorkerWithSandbox, fault: str, **columns: Any) -> None:
    """Leave one create in doubt: executed (``drop_after_share``) or not (``drop_before_share``)."""
    worker.sandbox.set_faults(faults_from_json({fault: 1.0}))
    worker.add(expected_arrival_at=ARRIVAL.isoformat(), **columns)
    worker.push()
    worker.sandbox.set_faults(Faults())
    worker.make_due()
    assert worker.delivery(columns.get("external_id", "v-1"))["status"] == "unknown"


def in_envoy(worker: WorkerWithSandbox, **content: Any) -> str:
    """Create an invite by hand at the same place and time, and return its id."""
    context = worker.context
    connection_id = worker.rows("SELECT id FROM connection")[0]["id"]
    body = {
        "locationId": worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"],
        "expectedArrivalAt": ARRIVAL.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sendEmailToInvitee": False,
        "invitee": {"name": "Visitor v-1"},
        **content,
    }
    token = context.tokens.access(connection_id).value
    made = context.api.create_invite(token, body, request_id="by-hand").invite
    assert made is not None
    return made.id


def names(worker: WorkerWithSandbox) -> list[str]:
    """Return the visitors that Envoy has, the known one left out."""
    return sorted(
        one["invitee"]["name"]
        for one in worker.sandbox.invites()
        if one["invitee"]["name"] != "Visitor known"
    )


def text_of(moment: datetime) -> str:
    """Write a moment as it is stored."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def late_answer(worker: WorkerWithSandbox, envoy_id: str) -> None:
    """Store the verdict of the attempt in doubt, as its process does when it wakes up."""
    database, delivery = worker.context.database, worker.delivery()
    row = due_row(
        delivery_id=delivery["id"], fencing_token=delivery["fencing_token"], revision=delivery["revision"]
    )
    claim = Claim(delivery["attempt_id"], row.delivery_id, row.fencing_token, row.revision, 1, 0.0, float)
    outcome = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id=envoy_id, content={})
    Verdicts(database, InlineJournal(database), BackOff(5, 900), first_look=5).store(row, claim, outcome)
