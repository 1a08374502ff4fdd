"""Push, many rows and many connections."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.failpoints import armed
from worker.sandbox import Faults


def test_three_thousand_rows_of_an_unknown_location_are_rejected_without_a_call(
    worker: WorkerWithSandbox,
) -> None:
    """A wrong name in a big import costs Envoy one look into its directory, and no create."""
    arrival = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    with worker.context.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"  # noqa: S608
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
            f" SELECT 'acme', 'v-' || i, 'Visitor', 'Nowhere', '{arrival}' FROM n"
        )

    report = worker.push()

    assert report.counts["rejected"] == 3_000
    assert worker.sandbox.ledger()["creates"] == []
    assert worker.rows("SELECT DISTINCT error_code FROM delivery") == [{"error_code": "location_unknown"}]


def test_a_held_connection_does_not_delay_the_others(worker: WorkerWithSandbox) -> None:
    """Its invites wait; the other connection's go out in the same run."""
    worker_rows.call_connection(worker, "held")
    worker.connect("acme")
    worker_rows.pause(worker, "held")
    for number in range(5):
        worker.add(f"h-{number}", connection="held")
        worker.add(f"v-{number}")

    report = worker.push()

    assert report.counts["sent"] == 5
    statuses = {row["connection"]: row["status"] for row in worker.rows("SELECT * FROM delivery")}
    assert statuses == {"held": "pending", "acme": "sent"}


@pytest.mark.parametrize("status", ["needs_authorisation", "removed"])
def test_a_grant_that_ends_in_between_sends_nothing_more(worker: WorkerWithSandbox, status: str) -> None:
    """Its access token may still be at hand; the claim sees that the connection is of no use any more."""
    for number in range(60):
        worker.add(f"v-{number}")
    claimed: list[int] = []

    def end() -> None:
        worker_rows.set_connection(worker, status=status)
        claimed.append(len(worker.attempts()))

    with armed("after_answer", nth=1, action=end):
        worker.push()

    # On PostgreSQL a claim may be under way that began before the end of the grant.
    most = claimed[0] + worker.context.settings.push.concurrency
    assert 1 <= len(worker.sandbox.ledger()["creates"]) <= most < 60
    assert worker.sandbox.ledger()["duplicates"] == []


def test_two_pushes_at_once_send_nothing_twice(worker: WorkerWithSandbox) -> None:
    """Rows are claimed one by one, so that two workers share them."""
    worker.sandbox.set_faults(Faults(latency_seconds=0.01))
    for number in range(60):
        worker.add(f"v-{number}")

    with ThreadPoolExecutor(3) as pool:
        reports = [future.result() for future in [pool.submit(worker.push) for _ in range(3)]]

    assert sum(report.counts["sent"] for report in reports) == 60
    assert len(worker.sandbox.ledger()["creates"]) == 60
    assert worker.sandbox.ledger()["duplicates"] == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_more_requests_are_in_flight_than_set(make_worker: MakeWorker, concurrency: int) -> None:
    """While a success is being stored the next request goes out, and never one too many."""
    worker = make_worker(WORKER_PUSH__CONCURRENCY=str(concurrency))
    worker.connect()
    for number in range(40):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(Faults(latency_seconds=0.02))

    worker.push()

    assert worker.sandbox.ledger()["most_in_flight"] == concurrency
    assert len(worker.sandbox.invites()) == 40


def test_after_a_refusal_no_other_request_goes_out_before_its_hold_is_stored(make_worker: MakeWorker) -> None:
    """With one request at a time, a 429 stops the connection at once."""
    worker = make_worker(WORKER_PUSH__CONCURRENCY="1")
    worker.connect()
    for number in range(5):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(Faults(error_429_share=1.0))

    worker.push()

    assert len(worker.sandbox.ledger()["attempts"]) == 1
