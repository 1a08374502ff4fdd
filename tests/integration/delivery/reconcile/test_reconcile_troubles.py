"""A look that failed is no look, and no reason to ask on."""

from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.doubtful_creates import doubt
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections import store
from worker.connections.scopes import may_read, readers
from worker.sandbox import Faults, Sandbox
from worker.sandbox.faults import faults_from_json

CONTENT = '{"locationId": "1", "expectedArrivalAt": "%s", "invitee": {"name": "x"}}'
ODD = CONTENT % "0999-01-01T00:00:00Z"  # a query for it is refused: the year is written with three digits
LAST = CONTENT % "9999-12-31T23:59:59Z"


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


@pytest.mark.parametrize("fault", ["error_500_share", "garbage_share", "truncate_share", "drop_before_share"])
def test_a_look_that_failed_is_no_look(worker: WorkerWithSandbox, fault: str) -> None:
    """An answer that is broken shows nothing, and the row waits for the next look."""
    doubt(worker, "drop_after_share")
    worker.sandbox.set_faults(faults_from_json({fault: 1.0, "only": "GET /v1/invites"}))
    worker.make_looks_due()

    report = worker.reconcile()

    assert (report.counts["looked_up"], worker.delivery()["look_ups"]) == (0, 0)
    assert worker.attempts()[-1]["verdict"] == "deferred"
    worker.sandbox.set_faults(Faults())
    assert worker.look_to_the_end()["sent"] == 1


def test_a_403_turns_looking_up_off(make_worker: Any, sandbox: Sandbox) -> None:
    """Asked for and not granted: Envoy says so once, nobody asks again, and the invite waits for a person."""
    worker: WorkerWithSandbox = make_worker()
    worker.connect()
    worker_rows.allow_scope(worker, "invites.read")
    doubt(worker, "drop_after_share")

    worker.look_to_the_end()

    assert sandbox.ledger()["by_route"]["GET /v1/invites"] == {"403": 1}
    assert worker.delivery()["status"] == "unknown"
    assert not worker.rows("SELECT can_read_invites FROM connection")[0]["can_read_invites"]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_refused_right_to_read_is_asked_again(make_worker: MakeWorker, resumed: bool) -> None:
    """After a day by itself, at once where an operator resumes the connection: it may have been repaired."""
    worker = make_worker()
    worker.connect()
    worker_rows.allow_scope(worker, "invites.read")
    doubt(worker, "drop_after_share")
    worker.look_to_the_end()
    assert readers(worker.context.database) == set()

    if resumed:
        store.resume(worker.context.database, "acme")
    else:
        later = worker.context.database.read_now() - timedelta(days=1, minutes=1)
        (row,) = store.connections(worker.context.database)
        assert row.reading_refused_at is not None
        worker_rows.set_connection(worker, reading_refused_at=later)

    assert readers(worker.context.database) == {"acme"}
    (row,) = store.connections(worker.context.database)
    assert may_read(row, worker.context.database.read_now())
    worker.look_to_the_end()
    assert worker.sandbox.ledger()["by_route"]["GET /v1/invites"] == {"403": 2}
    assert readers(worker.context.database) == set(), "it was refused once more"


def test_a_right_to_read_that_was_given_back_is_kept(worker_with_invite: WorkerWithSandbox) -> None:
    """The look that Envoy answered says so, for good."""
    doubt(worker_with_invite, "drop_after_share")
    worker_rows.let_read_invites(worker_with_invite, may=False)
    worker_with_invite.make_looks_due()

    worker_with_invite.reconcile()

    (row,) = store.connections(worker_with_invite.context.database)
    assert (row.can_read_invites, row.reading_refused_at) == (True, None)
    assert worker_with_invite.delivery()["status"] == "sent"


def test_a_connection_that_asked_for_no_reading_is_passed_over(
    worker: WorkerWithSandbox, sandbox: Sandbox
) -> None:
    """It would only be refused."""
    worker_rows.set_connection(worker, scopes="locations.read flows.read invites.write")
    doubt(worker, "drop_after_share")

    worker.look_to_the_end()

    assert "GET /v1/invites" not in sandbox.ledger()["by_route"]


@pytest.mark.parametrize("fault", ["drop", "503"])
def test_an_outage_ends_looking_after_the_first(
    worker: WorkerWithSandbox, sandbox: Sandbox, fault: str
) -> None:
    """One look meets it, a probe confirms it, and the host is held; no other doubt is looked up into it."""
    for number in range(5):
        doubt(worker, "drop_after_share", external_id=f"w-{number}", invitee_name=f"Visitor w-{number}")
    sandbox.set_faults(Faults(outage=fault))
    worker.make_looks_due()

    worker.reconcile()

    held = worker.rows("SELECT hold_reason FROM connection")[0]["hold_reason"]
    failed = [line for line in worker.attempts() if line["kind"] == "look_up"]
    assert held == "outage"
    assert len(failed) <= worker.context.settings.push.lookers
    assert {line["verdict"] for line in failed} == {"deferred"}


def test_a_throttled_look_holds_the_connection(worker: WorkerWithSandbox, sandbox: Sandbox) -> None:
    """Envoy's limit is one for reads and writes; the look comes later."""
    doubt(worker, "drop_after_share")
    sandbox.set_faults(Faults(error_429_share=1.0, retry_after="60", only="GET /v1/invites"))
    worker.make_looks_due()

    worker.reconcile()

    connection = worker.rows("SELECT hold_reason FROM connection")[0]
    assert (connection["hold_reason"], worker.delivery()["look_ups"]) == ("rate_limited", 0)


def test_looks_that_fail_wait_longer_each_time_and_are_told_once(worker: WorkerWithSandbox) -> None:
    """One WARNING at the first failure; then the wait grows, up to the longest back-off."""
    doubt(worker, "drop_after_share")
    worker.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/invites"))

    with structlog.testing.capture_logs() as events:
        for _ in range(3):
            worker.make_looks_due()
            worker.reconcile()

    told = [event for event in events if event["event"] == "invite.unknown"]
    assert [(event["log_level"], event["error_code"]) for event in told] == [("warning", "look_up_failed")]
    assert (worker.delivery()["deferrals"], worker.delivery()["look_ups"]) == (3, 0)
    assert worker.delivery()["next_attempt_at"] is not None


def test_a_query_that_envoy_refuses_is_for_a_person(worker: WorkerWithSandbox) -> None:
    """It would be refused again, however often."""
    doubt(worker, "drop_after_share")
    worker_rows.set_delivery(worker, "v-1", sent_content=ODD)
    worker.make_looks_due()

    assert worker.reconcile().counts["unknown"] == 1

    assert (worker.delivery()["error_code"], worker.delivery()["next_attempt_at"]) == (
        "look_up_refused",
        None,
    )


def test_one_odd_row_keeps_no_other_from_being_looked_up(worker: WorkerWithSandbox) -> None:
    """What was sent lies in the last minute of all time: a bug, told, and passed over."""
    doubt(worker, "drop_after_share")
    doubt(worker, "drop_after_share", external_id="w-1", invitee_name="Visitor w-1")
    worker_rows.set_delivery(worker, "v-1", sent_content=LAST)
    worker.make_looks_due()

    with structlog.testing.capture_logs() as events:
        worker.reconcile()

    told = [event for event in events if event["event"] == "job.failed"]
    assert [(event["log_level"], event["error"]) for event in told] == [("error", "OverflowError")]
    assert (worker.delivery()["status"], worker.delivery("w-1")["status"]) == ("unknown", "sent")
