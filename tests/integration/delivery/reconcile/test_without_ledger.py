"""A row in doubt whose line the ledger has not (any more): after a restore, or by somebody's hand."""

import pytest

from tests import worker_rows
from tests.integration.delivery.doubtful_creates import doubt, names
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database.owner import this_process


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


def lose_ledger(worker: WorkerWithSandbox) -> None:
    worker_rows.forget_attempts(worker)


def notes(worker: WorkerWithSandbox) -> list[str]:
    """Return the notes that Envoy has."""
    return sorted(one["notes"] for one in worker.sandbox.invites() if one["notes"])


def test_what_was_on_its_way_is_in_doubt_or_due_again(worker: WorkerWithSandbox) -> None:
    """The row still tells what was tried: what has no Envoy id was being created, what has one was not."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")
    worker.add("v-2")
    for key in ("v-1", "v-2"):
        worker_rows.begin_unrecorded(worker, "lost", key, owner=this_process())
    lose_ledger(worker)

    report = worker.push()

    assert (report.counts["unknown"], worker.delivery("v-2")["status"]) == (1, "unknown")
    assert (worker.delivery()["status"], names(worker), notes(worker)) == ("sent", ["Visitor v-1"], ["b"])


def test_what_was_executed_is_found(worker: WorkerWithSandbox) -> None:
    """Which revision was tried is not known any more, but what was sent: only what differs is sent again."""
    doubt(worker, "drop_after_share")
    doubt(worker, "drop_after_share", external_id="v-2")
    worker.execute("UPDATE invite SET notes = 'changed' WHERE external_id = 'v-2'")
    lose_ledger(worker)

    worker.make_looks_due()
    assert worker.reconcile().counts["sent"] == 2
    worker.push()

    delivery = worker.delivery()
    assert (delivery["status"], delivery["sent_revision"]) == ("sent", delivery["revision"])
    assert (names(worker), notes(worker)) == (["Visitor v-1", "Visitor v-2"], ["changed"])
    assert len(worker.sandbox.ledger()["updates"]) == 1


def test_what_was_not_executed_is_sent_again_after_the_last_look(worker: WorkerWithSandbox) -> None:
    """It neither waits for ever nor is it sent blindly, even if nobody knows since when it is in doubt."""
    doubt(worker, "drop_before_share")
    lose_ledger(worker)
    worker_rows.set_delivery(worker, unknown_since=None)
    worker.push()
    assert names(worker) == []

    worker.look_to_the_end()
    worker.push()

    assert (worker.delivery()["status"], names(worker)) == ("sent", ["Visitor v-1"])


def test_what_is_older_than_the_doubt_is_for_a_person(worker: WorkerWithSandbox) -> None:
    """When it was tried is not known any more; not later, at least, than its doubt began."""
    doubt(worker, "drop_after_share")
    lose_ledger(worker)
    worker_rows.doubt_since(worker, "2099-01-01T00:00:00.000Z")

    worker.make_looks_due()
    worker.reconcile()

    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("unknown", "look_up_older")
