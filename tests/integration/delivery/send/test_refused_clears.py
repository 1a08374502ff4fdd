"""An Envoy that refuses null for "clear": what else changed goes through, and the clear is told."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.failpoints import armed
from worker.sandbox import Faults

FULL: dict[str, Any] = {
    "invitee_email": "ann@example.com",
    "flow": "Interview",
    "notes": "a",
    "expected_arrival_at": "2035-03-01T09:00:00Z",
    "expected_departure_at": "2035-03-01T10:00:00Z",
    "custom_fields": '{"Company": "Example Ltd"}',
}
CLEARS = {
    "notes": "notes",
    "custom_fields": "customFields",
    "invitee_email": "invitee.email",
    "expected_departure_at": "expectedDepartureAt",
    "host_employee_id": "hostEmployeeId",
    "flow": "flowId",
}


def change(worker: WorkerWithSandbox, **columns: Any) -> None:
    """Change the visit as its caller would."""
    assigned = ", ".join(f"{name} = :{name}" for name in columns)
    worker.execute(f"UPDATE invite SET {assigned}", **columns)  # noqa: S608


def push(worker: WorkerWithSandbox) -> list[Any]:
    """Push what is due, and return the events about the invite."""
    with capture_logs() as logs:
        worker.push()
    return [log for log in logs if log["event"].startswith("invite.")]


def tries(worker: WorkerWithSandbox) -> int:
    """Return how many updates Envoy was sent, carried out or not."""
    return sum(1 for one in worker.sandbox.ledger()["attempts"] if one["route"] == "POST /v1/invites/{id}")


def in_envoy(worker: WorkerWithSandbox) -> dict[str, Any]:
    """Return the one invite."""
    (invite,) = worker.sandbox.invites()
    return dict(invite)


def add_full(worker: WorkerWithSandbox, *keys: str) -> None:
    """Let Envoy have visits whose fields are all filled, and then refuse to clear any."""
    berlin = worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"]
    host = worker.sandbox.add_employee("Host", "host@example.com", location_ids=[berlin])["id"]
    for key in keys:
        worker.add(key, host_employee_id=host, **FULL)
    worker.push()
    worker.sandbox.set_faults(Faults(refuse_nulls=422))


@pytest.fixture
def worker_with_full_visit(worker: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker with one such visit."""
    add_full(worker, "v-1")
    return worker


def test_what_else_changed_goes_through_and_the_clear_is_told(worker: WorkerWithSandbox) -> None:
    """Whatever is cleared: the second update, in the same run, leaves it out; nothing is sent after it."""
    add_full(worker, *CLEARS)
    before = {one["id"]: one for one in worker.sandbox.invites()}

    for column in CLEARS:
        worker.execute(
            f"UPDATE invite SET {column} = NULL, invitee_name = 'Ben' WHERE external_id = :key",  # noqa: S608
            key=column,
        )
    events = push(worker)

    for one in worker.sandbox.invites():
        assert one["invitee"]["name"] == "Ben"
        was = before[one["id"]]
        same = {"updatedAt": "", "invitee": {**was["invitee"], "name": "Ben"}}
        assert {**one, **same} == {**was, **same}
    told: dict[str, list[Any]] = {column: [] for column in CLEARS}
    for event in events:
        told[event["external_id"]].append((event["event"], event["log_level"], event["error_code"]))
    steps = [("invite.deferred", "warning", "refused_422"), ("invite.updated", "warning", "not_cleared")]
    assert told == dict.fromkeys(CLEARS, steps)
    rows = {row["external_id"]: row for row in worker.rows("SELECT * FROM delivery")}
    assert {row["status"] for row in rows.values()} == {"sent"}
    assert {row["error_code"] for row in rows.values()} == {"not_cleared"}
    assert {key: row["error_detail"].split()[-1] for key, row in rows.items()} == CLEARS
    assert push(worker) == []
    assert tries(worker) == 2 * len(CLEARS)


@pytest.mark.parametrize("status", [400, 422])
def test_a_clear_alone_is_told_and_is_the_callers_to_see(
    worker_with_full_visit: WorkerWithSandbox, status: int
) -> None:
    """Nothing else changed; the row is `sent` with `not_cleared`, not `rejected`, and no push sends more."""
    worker = worker_with_full_visit
    worker.sandbox.set_faults(Faults(refuse_nulls=status))

    change(worker, **dict.fromkeys(CLEARS))
    push(worker)
    change(worker, notes="x")
    change(worker, notes=None)
    push(worker)

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("sent", "not_cleared")
    assert delivery["sent_revision"] == delivery["revision"]
    assert tries(worker) == 2


def test_a_clear_that_was_refused_is_tried_again_with_the_next_change(
    worker_with_full_visit: WorkerWithSandbox,
) -> None:
    """Beside it, since Envoy may have learned it; then Envoy has what the row says, and nothing is told."""
    worker = worker_with_full_visit
    change(worker, notes=None, invitee_email=None)
    push(worker)

    worker.sandbox.set_faults(Faults())
    change(worker, expected_departure_at="2035-03-01T11:00:00Z")
    (event,) = push(worker)

    invite = in_envoy(worker)
    assert (invite["notes"], invite["invitee"]["email"]) == (None, None)
    assert invite["expectedDepartureAt"] == "2035-03-01T11:00:00Z"
    assert (event["log_level"], worker.delivery()["error_code"]) == ("info", None)


def test_a_field_that_was_not_cleared_is_filled_again(worker_with_full_visit: WorkerWithSandbox) -> None:
    """Written again, with the same value or with another one."""
    worker = worker_with_full_visit
    change(worker, notes=None)
    push(worker)

    change(worker, notes="a")
    push(worker)
    assert (tries(worker), worker.delivery()["error_code"]) == (2, None)
    change(worker, notes="b")
    push(worker)

    assert in_envoy(worker)["notes"] == "b"
    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("sent", None)


def test_a_refusal_that_persists_without_the_clears_is_the_rows(worker: WorkerWithSandbox) -> None:
    """Two requests, then the row is rejected; repaired, its clears are tried as if nothing had been."""
    oslo = worker.sandbox.add_location("Oslo")["id"]
    host = worker.sandbox.add_employee("Host", "host@example.com", location_ids=[oslo])["id"]
    worker.add(notes="a", invitee_email="ann@example.com")
    worker.push()

    change(worker, notes=None, host_employee_id=host)  # who does not work in Berlin
    events = push(worker)

    assert [one["event"] for one in events] == ["invite.deferred", "invite.rejected"]
    assert (worker.delivery()["status"], tries(worker)) == ("rejected", 2)
    change(worker, location="Oslo")
    push(worker)
    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("sent", None)
    assert (in_envoy(worker)["notes"], tries(worker)) == (None, 3)


@pytest.mark.parametrize("fault", [{"error_429_share": 1.0}, {"drop_after_share": 1.0}])
def test_a_trouble_between_the_two_updates_changes_nothing(
    worker_with_full_visit: WorkerWithSandbox, fault: dict[str, Any]
) -> None:
    """Deferred or in doubt, the update that leaves the clear out is repeated as it was."""
    worker = worker_with_full_visit
    change(worker, notes=None, invitee_name="Ben Example")
    trouble = Faults(refuse_nulls=422, **fault)
    with armed("before_claim", nth=2, action=lambda: worker.sandbox.set_faults(trouble)):
        push(worker)
    assert worker.delivery()["status"] == "pending"
    worker.sandbox.set_faults(Faults(refuse_nulls=422))
    for _ in range(2):
        worker.make_due()
        push(worker)

    assert (in_envoy(worker)["invitee"]["name"], in_envoy(worker)["notes"]) == ("Ben Example", "a")
    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("sent", "not_cleared")


def test_of_content_that_retention_cleared_only_what_envoy_shows_is_told(worker: WorkerWithSandbox) -> None:
    """All is cleared that the row does not have, and Envoy's answer says which of it was there."""
    worker.add(notes="a", invitee_email="ann@example.com")
    worker.push()
    worker_rows.forget_sent_content(worker)
    worker.sandbox.set_faults(Faults(refuse_nulls=400))

    change(worker, notes=None, invitee_name="Ben Example")
    push(worker)

    assert in_envoy(worker)["invitee"]["name"] == "Ben Example"
    assert worker.delivery()["error_detail"] == "Envoy kept what was cleared: notes"
