"""What crashes, leases and clocks leave behind is put right before every push."""

from datetime import UTC, datetime

from tests import worker_rows
from tests.integration.delivery.interrupted_attempts import DEAD, interrupt
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.backoff import BackOff
from worker.clock import boot_clock
from worker.database.owner import this_process
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claims, Lease
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.invites import Kind, Status, Verdict


def test_a_dead_owners_create_is_unknown_at_once(worker: WorkerWithSandbox) -> None:
    """Whether Envoy got it is not known, so it is not sent again; the ledger says interrupted."""
    worker.add()
    interrupt(worker, "create", owner=DEAD, lease_seconds=60)

    report = worker.push()

    assert report.counts["unknown"] == 1
    assert worker.delivery()["status"] == "unknown"
    assert worker.attempts()[0]["verdict"] == "interrupted"
    assert worker.sandbox.invites() == []


def test_a_dead_owners_update_is_simply_due_again(worker: WorkerWithSandbox) -> None:
    """Doing it twice does no harm."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    interrupt(worker, "update", owner=DEAD, lease_seconds=60)

    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.sandbox.invites()[0]["notes"] == "b"


def test_a_living_owner_keeps_its_row_until_the_lease_is_over(worker: WorkerWithSandbox) -> None:
    """A lease in force is respected; after its end the create is unknown, and may still be settled late."""
    worker.add()
    interrupt(worker, "create", owner=this_process(), lease_seconds=30)

    assert not worker.push().did_something
    worker_rows.let_leases_end(worker)
    worker.push()

    assert worker.delivery()["status"] == "unknown"
    assert worker.attempts()[0]["verdict"] is None


def test_a_lease_further_ahead_than_any_lease_is_over(worker: WorkerWithSandbox) -> None:
    """A clock has jumped: nobody holds a row for hours."""
    worker.add()
    interrupt(worker, "create", owner=this_process(), lease_seconds=7200)

    worker.push()

    assert worker.delivery()["status"] == "unknown"


def test_a_back_off_further_ahead_than_any_back_off_is_over(worker: WorkerWithSandbox) -> None:
    """A clock that was wrong does not keep an invite away for hours."""
    worker.add()
    worker_rows.put_off(worker, "2099-01-01T00:00:00.000Z")

    assert worker.push().counts["sent"] == 1


def test_a_visit_that_is_not_over_after_all_is_pending_again(worker: WorkerWithSandbox) -> None:
    """An expired row keeps its visit's end, so that a clock put right reopens it."""
    worker.add()
    worker_rows.set_delivery(worker, status="expired", next_attempt_at="2099-01-01T00:00:00.000Z")

    assert worker.push().counts["sent"] == 1


def test_a_late_answer_settles_its_own_unknown_row(worker: WorkerWithSandbox) -> None:
    """The fencing token changes with the next attempt, not when the lease ends."""
    worker.add()
    database = worker.context.database
    (row,) = due_page(database, "acme", after=None, until=datetime.now(UTC), size=9).rows
    claims = Claims(
        database, worker.context.journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    )
    claimed = claims.take(row, Call(Kind.CREATE, content_key="k"), "a-1")
    assert claimed is not None
    assert claims.take(row, Call(Kind.CREATE, content_key="k"), "a-2") is None, "it is taken"
    worker_rows.let_leases_end(worker)
    worker.push()
    assert worker.delivery()["status"] == "unknown"

    verdicts = Verdicts(database, worker.context.journal, BackOff(5, 900), first_look=5)
    outcome = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id="77")

    assert verdicts.store(row, claimed, outcome) is Stored.SETTLED
    assert worker.delivery()["status"] == "sent"
    assert worker.delivery()["envoy_invite_id"] == "77"
    assert worker.attempts()[0]["verdict"] == "sent"
    assert verdicts.store(row, claimed, outcome) is Stored.STALE


def test_a_change_during_an_attempt_is_not_overwritten_by_its_verdict(worker: WorkerWithSandbox) -> None:
    """The answer settles the attempt's revision; the newer one is due at once, as an update."""
    worker.add(notes="a")
    database = worker.context.database
    (row,) = due_page(database, "acme", after=None, until=datetime.now(UTC), size=9).rows
    claimed = Claims(
        database, worker.context.journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    ).take(row, Call(Kind.CREATE, content_key="k"), "a-1")
    assert claimed is not None
    worker.execute("UPDATE invite SET notes = 'b'")
    assert worker.delivery()["status"] == "sending"

    outcome = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id="77", content={"notes": "a"})
    Verdicts(database, worker.context.journal, BackOff(5, 900), first_look=5).store(row, claimed, outcome)

    assert worker.delivery()["status"] == "pending"
    assert (worker.delivery()["sent_revision"], worker.delivery()["revision"]) == (1, 2)
    assert worker.delivery()["envoy_invite_id"] == "77"
