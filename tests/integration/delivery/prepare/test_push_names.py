"""Push: names that Envoy must know before a call is made."""

from typing import Any

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.recovery import interrupted
from worker.errors import ExitCode
from worker.sandbox import Faults


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"location": "Berln"}, "location_unknown"),
        ({"location": "Old Warehouse"}, "location_disabled"),
        ({"location": None}, "location_missing"),
        ({"flow": "Intervieww"}, "flow_unknown"),
        ({"host_email": "host@example.com"}, "host_lookup_not_permitted"),
    ],
)
def test_what_cannot_be_resolved_is_rejected_before_any_call(
    worker: WorkerWithSandbox, columns: dict[str, Any], code: str
) -> None:
    """A wrong name costs Envoy no create; the row says which name is near."""
    worker.add(**columns)

    report = worker.push()

    assert report.counts["rejected"] == 1
    assert ExitCode.REJECTED in report.troubles
    assert worker.delivery()["error_code"] == code
    assert worker.attempts() == []


def test_a_rejection_names_the_nearest_location(worker: WorkerWithSandbox) -> None:
    """The operator sees what the caller probably meant."""
    worker.add(location="Berln")

    worker.push()

    assert "Berlin" in worker.delivery()["error_detail"]


def test_an_unknown_name_makes_the_directory_be_read_once_more(worker: WorkerWithSandbox) -> None:
    """A location that Envoy got after the last refresh is found; one that it never had costs one read."""
    worker.sandbox.add_location("Oslo", timezone="Europe/Oslo")
    worker.add("v-1", location="Oslo")
    for number in range(20):
        worker.add(f"bad-{number}", location="Nowhere")
    reads_before = worker.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"]

    report = worker.push()

    assert report.counts["sent"] == 1
    assert report.counts["rejected"] == 20
    assert worker.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"] == reads_before + 1


def test_a_name_that_cannot_be_looked_up_waits_and_delays_no_other_row(worker: WorkerWithSandbox) -> None:
    """While the directory cannot be read again, its row is neither rejected nor in anybody's way."""
    worker.add("v-1", location="Oslo")
    worker.add("v-2")
    worker.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/locations"))

    report = worker.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert worker.delivery("v-1")["status"] == "pending"
    assert worker.delivery("v-2")["status"] == "sent"


def test_a_caller_can_mend_a_rejected_row(worker: WorkerWithSandbox) -> None:
    """Changing the row makes it pending again, and clears the error."""
    worker.add(location="Berln")
    worker.push()

    worker.execute("UPDATE invite SET location = 'Berlin'")
    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.delivery()["error_code"] is None


def test_a_connection_that_does_not_exist_is_noted_on_its_rows(worker: WorkerWithSandbox) -> None:
    """The row waits, and says why; once the connection is there it goes out."""
    worker.add(connection="nobody")

    worker.push()

    assert worker.delivery()["status"] == "pending"
    assert worker.delivery()["error_code"] == "connection_unknown"


def test_there_may_be_more_unknown_connections_than_a_statement_takes_values(
    worker: WorkerWithSandbox,
) -> None:
    """A caller who writes nonsense stops nobody: PostgreSQL takes 65,535 values, and here are more names."""
    worker.execute(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 66000)"
        " SELECT 'x-' || i, 'v-1', 'Visitor', 'Berlin', '2035-03-01T08:00:00Z' FROM n"
    )

    assert len(interrupted.mark_unknown_connections(worker.context.database)) == 66_000

    marked = worker.rows("SELECT count(*) AS number FROM delivery WHERE error_code = 'connection_unknown'")
    assert marked == [{"number": 66_000}]
