"""An update or a remove whose answer was lost, and a caller who changes the visit again."""

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json


def in_doubt(worker: WorkerWithSandbox, fault: str, change: str) -> None:
    """Send a visit, then a change of it that ends in doubt."""
    worker.add(notes="a")
    worker.push()
    worker.execute(f"UPDATE invite SET {change}")  # noqa: S608
    worker.sandbox.set_faults(faults_from_json({fault: 1.0, "only": ""}))
    assert worker.push().counts["deferred"] == 1
    worker.sandbox.set_faults(Faults())


def show_that_updates_go_through(worker: WorkerWithSandbox) -> None:
    """Let another visit be changed: then a refusal of an update is known to be Envoy's own."""
    if not worker.rows("SELECT 1 FROM invite WHERE external_id = 'other'"):
        worker.add("other")
        worker.push()
    worker.execute("UPDATE invite SET notes = coalesce(notes, '') || 'x' WHERE external_id = 'other'")
    worker.push()


@pytest.mark.parametrize("fault", ["drop_after_share", "drop_before_share", "garbage_share"])
@pytest.mark.parametrize("back_to", ["'a'", "NULL"])
def test_a_change_back_is_sent_though_it_equals_what_was_confirmed_last(
    worker: WorkerWithSandbox, fault: str, back_to: str
) -> None:
    """Envoy may have the change whose answer was lost; what it has is only known once an answer is clear."""
    in_doubt(worker, fault, "notes = 'b'")

    worker.execute(f"UPDATE invite SET notes = {back_to}")  # noqa: S608
    worker.make_due()
    worker.push()

    (invite,) = worker.sandbox.invites()
    assert (worker.delivery()["status"], invite["notes"]) == ("sent", None if back_to == "NULL" else "a")


@pytest.mark.parametrize("fault", ["drop_after_share", "drop_before_share"])
@pytest.mark.parametrize("note", ["a", "b"])
def test_a_visit_that_is_wanted_again_is_in_envoy_once(
    worker: WorkerWithSandbox, fault: str, note: str
) -> None:
    """Whether or not the remove was executed: Envoy is asked, and the visit is made again if it is gone."""
    in_doubt(worker, fault, "wanted = 'absent'")
    first_id = worker.delivery()["envoy_invite_id"]

    worker.execute(f"UPDATE invite SET wanted = 'present', notes = '{note}'")  # noqa: S608
    for _ in range(3):
        worker.make_due()
        worker.push()
        show_that_updates_go_through(worker)

    (invite,) = [one for one in worker.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]
    assert (worker.delivery()["status"], invite["notes"]) == ("sent", note)
    assert worker.delivery()["envoy_invite_id"] == invite["id"]
    assert (invite["id"] == first_id) == (fault == "drop_before_share"), "it was removed, or it stays"


def test_an_update_that_was_surely_not_executed_leaves_nothing_in_doubt(worker: WorkerWithSandbox) -> None:
    """After a 429 Envoy has what it had, so that a change back needs no call."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    worker.sandbox.set_faults(Faults(error_429_share=1.0))
    worker.push()
    worker.sandbox.set_faults(Faults())

    worker.execute("UPDATE invite SET notes = 'a'")
    worker.make_due()
    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.sandbox.ledger()["updates"] == []
