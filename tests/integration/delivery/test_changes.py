"""A change of the caller's row reaches Envoy, whatever column it is in, and nothing else is touched."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Faults

FULL: dict[str, Any] = {
    "invitee_email": "ann@example.com",
    "flow": "Interview",
    "notes": "a",
    "expected_arrival_at": "2035-03-01T09:00:00Z",
    "expected_departure_at": "2035-03-01T10:00:00Z",
    "custom_fields": '{"Company": "Example Ltd", "Badge": "7"}',
}
NEW: list[tuple[str, Any, str, Any]] = [
    ("invitee_name", "Ben Example", "invitee", {"name": "Ben Example", "email": "ann@example.com"}),
    ("invitee_email", "ben@example.com", "invitee", {"name": "Visitor v-1", "email": "ben@example.com"}),
    ("expected_arrival_at", "2035-03-01T08:00:00Z", "expectedArrivalAt", "2035-03-01T08:00:00Z"),
    ("expected_departure_at", "2035-03-01T11:00:00Z", "expectedDepartureAt", "2035-03-01T11:00:00Z"),
    ("notes", "b", "notes", "b"),
    ("send_email", True, "sendEmailToInvitee", True),
    ("custom_fields", '{"Badge": "8"}', "customFields", [{"field": "Badge", "value": "8"}]),
    ("invitee_email", None, "invitee", {"name": "Visitor v-1", "email": None}),
    ("expected_departure_at", None, "expectedDepartureAt", None),
    ("notes", None, "notes", None),
    ("custom_fields", None, "customFields", []),
]


def change(worker: WorkerWithSandbox, **columns: Any) -> None:
    """Change the visit as its caller would."""
    assigned = ", ".join(f"{name} = :{name}" for name in columns)
    worker.execute(f"UPDATE invite SET {assigned}", **columns)  # noqa: S608


@pytest.mark.parametrize(("column", "value", "field", "expected"), NEW)
def test_a_changed_or_cleared_column_is_one_update(
    worker: WorkerWithSandbox, column: str, value: Any, field: str, expected: Any
) -> None:
    """Envoy has the new value, and everything else as it was."""
    worker.add(**FULL)
    worker.push()
    (before,) = worker.sandbox.invites()

    change(worker, **{column: value})
    worker.push()

    (after,) = worker.sandbox.invites()
    assert after[field] == expected
    assert {**after, "updatedAt": "", field: ""} == {**before, "updatedAt": "", field: ""}
    assert len(worker.sandbox.ledger()["attempts"]) == 2
    assert worker.delivery()["sent_revision"] == 2


def test_a_mail_that_is_not_wanted_any_more_is_switched_off(worker: WorkerWithSandbox) -> None:
    """The switch goes back as it goes forth, alone and beside another change."""
    worker.add(send_email=True)
    worker.push()

    for columns in ({"send_email": False}, {"send_email": True}, {"send_email": False, "notes": "b"}):
        change(worker, **columns)
        worker.push()

        (invite,) = worker.sandbox.invites()
        assert invite["sendEmailToInvitee"] is columns["send_email"]
        assert worker.delivery()["status"] == "sent"


def test_a_visit_moves_with_its_flow_and_host(worker: WorkerWithSandbox) -> None:
    """Location, flow and host go in one call, since Envoy wants them to agree."""
    london = worker.sandbox.add_location("Oslo")["id"]
    tour = worker.sandbox.add_flow("Tour", location_id=london)["id"]
    host = worker.sandbox.add_employee("Host", "host@example.com", location_ids=[london])["id"]
    worker.add(**FULL)
    worker.push()

    change(worker, location="Oslo", flow="Tour", host_employee_id=host)
    worker.push()

    (invite,) = worker.sandbox.invites()
    assert (invite["locationId"], invite["flowId"], invite["host"]["name"]) == (london, tour, "Host")
    assert len(worker.sandbox.ledger()["updates"]) == 1


def test_a_flow_or_host_that_is_taken_away_is_gone_in_envoy(worker: WorkerWithSandbox) -> None:
    """Without a flow Envoy chooses its own; without a host there is none."""
    berlin = worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"]
    host = worker.sandbox.add_employee("Host", "host@example.com", location_ids=[berlin])["id"]
    worker.add(host_employee_id=host, **FULL)
    worker.push()
    (before,) = worker.sandbox.invites()

    change(worker, host_employee_id=None, flow=None)
    worker.push()

    (after,) = worker.sandbox.invites()
    assert before["host"]["name"] == "Host"
    assert after["host"] is None
    assert worker.delivery()["status"] == "sent"


@pytest.mark.parametrize("column", ["notes", "custom_fields", "invitee_email", "expected_departure_at"])
def test_what_envoy_does_not_clear_is_told(worker: WorkerWithSandbox, column: str) -> None:
    """Whether null clears a field is not documented: the answer is compared, and a person told."""
    worker.add(**FULL)
    worker.push()
    worker.sandbox.set_faults(Faults(keep_cleared=True))

    change(worker, **{column: None})
    with capture_logs() as logs:
        worker.push()

    (event,) = (log for log in logs if log["event"] == "invite.updated")
    assert (event["log_level"], event["error_code"]) == ("warning", "not_cleared")
    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("sent", "not_cleared")
    assert worker.push().counts["updated"] == 0


def test_a_row_written_anew_after_its_push_is_compared_with_what_envoy_has(worker: WorkerWithSandbox) -> None:
    """INSERT OR REPLACE, an upsert and an ORM's save write all columns; equal ones make no call."""
    worker.add(**FULL)
    worker.push()

    change(worker, notes="b")
    change(worker, notes="a")
    worker.push()

    assert worker.sandbox.ledger()["updates"] == []
    assert (worker.delivery()["status"], worker.delivery()["sent_revision"]) == ("sent", 3)
