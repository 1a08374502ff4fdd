"""What was committed unheard, since the database went away in that moment.

A claim is taken back by the one who made it, for nothing was sent for it; a verdict is offered again, and
told as if it had been heard.
"""

from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import DatabaseUnreachable
from worker.failpoints import armed
from worker.sandbox import Faults


def unheard() -> NoReturn:
    """Lose the connection after the commit, as a server does that dies in that moment."""
    raise DatabaseUnreachable("the answer was lost")


def test_a_create_is_due_again_at_once(worker: WorkerWithSandbox) -> None:
    """It does not wait for the end of its lease, comes into no doubt, and counts as no attempt."""
    worker.add()

    with armed("after_intent", action=unheard), pytest.raises(DatabaseUnreachable):
        worker.push()
    delivery = worker.delivery()
    (line,) = worker.attempts()
    worker.push()

    assert (delivery["status"], delivery["attempts"], delivery["lease_owner"]) == ("pending", 0, None)
    assert (delivery["content_key"], delivery["sent_content"]) == (None, None)
    assert (line["verdict"], line["error_code"]) == ("deferred", "claim_unheard")
    assert (worker.delivery()["status"], len(worker.sandbox.invites())) == ("sent", 1)


def test_an_update_knows_what_envoy_has(worker: WorkerWithSandbox) -> None:
    """What Envoy has is what it had before, so that a change back makes no call."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")

    with armed("after_intent", action=unheard), pytest.raises(DatabaseUnreachable):
        worker.push()
    worker.execute("UPDATE invite SET notes = 'a'")
    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.sandbox.ledger()["updates"] == []


def test_a_row_that_another_worker_has_by_now_stays_its_own(worker: WorkerWithSandbox) -> None:
    """The commit failed, and another one was faster: only what stands under this attempt is taken back."""
    worker.add()

    def overtaken() -> NoReturn:
        worker_rows.begin_unrecorded(worker, "other", "v-1", owner="another")
        unheard()

    with armed("before_claim", action=overtaken), pytest.raises(DatabaseUnreachable):
        worker.push()

    assert (worker.delivery()["status"], worker.delivery()["attempt_id"]) == ("sending", "other")
    assert worker.attempts() == []


@pytest.mark.parametrize(
    ("faults", "event", "status"),
    [
        (Faults(), "invite.sent", "sent"),
        (Faults(error_429_share=1.0), "invite.deferred", "pending"),
        (Faults(refuse_status=422), "invite.rejected", "rejected"),
        (Faults(error_500_share=1.0), "invite.unknown", "unknown"),
    ],
    ids=["sent", "deferred", "rejected", "unknown"],
)
def test_a_verdict_is_told_as_what_it_is(
    worker: WorkerWithSandbox, faults: Faults, event: str, status: str
) -> None:
    """Nobody else was first: the row has what was stored unheard."""
    worker.add()
    worker.sandbox.set_faults(faults)

    # The second commit: after the claim's.
    with armed("after_group_commit", nth=2, action=unheard), capture_logs() as lines:
        worker.push()

    told = [line["event"] for line in lines if line["event"].startswith("invite.")]
    assert (told, worker.delivery()["status"]) == ([event], status)
