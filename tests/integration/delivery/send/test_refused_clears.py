"""An Envoy that refuses null for "clear": what else changed goes through, and the clear is told."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.world import World
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


def change(world: World, **columns: Any) -> None:
    """Change the visit as its caller would."""
    assigned = ", ".join(f"{name} = :{name}" for name in columns)
    world.execute(f"UPDATE invite SET {assigned}", **columns)  # noqa: S608


def push(world: World) -> list[Any]:
    """Push what is due, and return the events about the invite."""
    with capture_logs() as logs:
        world.push()
    return [log for log in logs if log["event"].startswith("invite.")]


def tries(world: World) -> int:
    """Return how many updates Envoy was sent, carried out or not."""
    return sum(1 for one in world.sandbox.ledger()["attempts"] if one["route"] == "POST /v1/invites/{id}")


def in_envoy(world: World) -> dict[str, Any]:
    """Return the one invite."""
    (invite,) = world.sandbox.invites()
    return dict(invite)


def add_full(world: World, *keys: str) -> None:
    """Let Envoy have visits whose fields are all filled, and then refuse to clear any."""
    berlin = world.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"]
    host = world.sandbox.add_employee("Host", "host@example.com", location_ids=[berlin])["id"]
    for key in keys:
        world.add(key, host_employee_id=host, **FULL)
    world.push()
    world.sandbox.set_faults(Faults(refuse_nulls=422))


@pytest.fixture
def full_world(world: World) -> World:
    """Give a world with one such visit."""
    add_full(world, "v-1")
    return world


def test_what_else_changed_goes_through_and_the_clear_is_told(world: World) -> None:
    """Whatever is cleared: the second update, in the same run, leaves it out; nothing is sent after it."""
    add_full(world, *CLEARS)
    before = {one["id"]: one for one in world.sandbox.invites()}

    for column in CLEARS:
        world.execute(
            f"UPDATE invite SET {column} = NULL, invitee_name = 'Ben' WHERE external_id = :key",  # noqa: S608
            key=column,
        )
    events = push(world)

    for one in world.sandbox.invites():
        assert one["invitee"]["name"] == "Ben"
        was = before[one["id"]]
        same = {"updatedAt": "", "invitee": {**was["invitee"], "name": "Ben"}}
        assert {**one, **same} == {**was, **same}
    told: dict[str, list[Any]] = {column: [] for column in CLEARS}
    for event in events:
        told[event["external_id"]].append((event["event"], event["log_level"], event["error_code"]))
    steps = [("invite.deferred", "warning", "refused_422"), ("invite.updated", "warning", "not_cleared")]
    assert told == dict.fromkeys(CLEARS, steps)
    rows = {row["external_id"]: row for row in world.rows("SELECT * FROM delivery")}
    assert {row["status"] for row in rows.values()} == {"sent"}
    assert {row["error_code"] for row in rows.values()} == {"not_cleared"}
    assert {key: row["error_detail"].split()[-1] for key, row in rows.items()} == CLEARS
    assert push(world) == []
    assert tries(world) == 2 * len(CLEARS)


@pytest.mark.parametrize("status", [400, 422])
def test_a_clear_alone_is_told_and_is_the_callers_to_see(full_world: World, status: int) -> None:
    """Nothing else changed; the row is `sent` with `not_cleared`, not `rejected`, and no push sends more."""
    world = full_world
    world.sandbox.set_faults(Faults(refuse_nulls=status))

    change(world, **dict.fromkeys(CLEARS))
    push(world)
    change(world, notes="x")
    change(world, notes=None)
    push(world)

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("sent", "not_cleared")
    assert delivery["sent_revision"] == delivery["revision"]
    assert tries(world) == 2


def test_a_clear_that_was_refused_is_tried_again_with_the_next_change(full_world: World) -> None:
    """Beside it, since Envoy may have learned it; then Envoy has what the row says, and nothing is told."""
    world = full_world
    change(world, notes=None, invitee_email=None)
    push(world)

    world.sandbox.set_faults(Faults())
    change(world, expected_departure_at="2035-03-01T11:00:00Z")
    (event,) = push(world)

    invite = in_envoy(world)
    assert (invite["notes"], invite["invitee"]["email"]) == (None, None)
    assert invite["expectedDepartureAt"] == "2035-03-01T11:00:00Z"
    assert (event["log_level"], world.delivery()["error_code"]) == ("info", None)


def test_a_field_that_was_not_cleared_is_filled_again(full_world: World) -> None:
    """Written again, with the same value or with another one."""
    world = full_world
    change(world, notes=None)
    push(world)

    change(world, notes="a")
    push(world)
    assert (tries(world), world.delivery()["error_code"]) == (2, None)
    change(world, notes="b")
    push(world)

    assert in_envoy(world)["notes"] == "b"
    assert (world.delivery()["status"], world.delivery()["error_code"]) == ("sent", None)


def test_a_refusal_that_persists_without_the_clears_is_the_rows(world: World) -> None:
    """Two requests, then the row is rejected; repaired, its clears are tried as if nothing had been."""
    oslo = world.sandbox.add_location("Oslo")["id"]
    host = world.sandbox.add_employee("Host", "host@example.com", location_ids=[oslo])["id"]
    world.add(notes="a", invitee_email="ann@example.com")
    world.push()

    change(world, notes=None, host_employee_id=host)  # who does not work in Berlin
    events = push(world)

    assert [one["event"] for one in events] == ["invite.deferred", "invite.rejected"]
    assert (world.delivery()["status"], tries(world)) == ("rejected", 2)
    change(world, location="Oslo")
    push(world)
    assert (world.delivery()["status"], world.delivery()["error_code"]) == ("sent", None)
    assert (in_envoy(world)["notes"], tries(world)) == (None, 3)


@pytest.mark.parametrize("fault", [{"error_429_share": 1.0}, {"drop_after_share": 1.0}])
def test_a_trouble_between_the_two_updates_changes_nothing(full_world: World, fault: dict[str, Any]) -> None:
    """Deferred or in doubt, the update that leaves the clear out is repeated as it was."""
    world = full_world
    change(world, notes=None, invitee_name="Ben Example")
    trouble = Faults(refuse_nulls=422, **fault)
    with armed("before_claim", nth=2, action=lambda: world.sandbox.set_faults(trouble)):
        push(world)
    assert world.delivery()["status"] == "pending"
    world.sandbox.set_faults(Faults(refuse_nulls=422))
    for _ in range(2):
        world.make_due()
        push(world)

    assert (in_envoy(world)["invitee"]["name"], in_envoy(world)["notes"]) == ("Ben Example", "a")
    assert (world.delivery()["status"], world.delivery()["error_code"]) == ("sent", "not_cleared")


def test_of_content_that_retention_cleared_only_what_envoy_shows_is_told(world: World) -> None:
    """All is cleared that the row does not have, and Envoy's answer says which of it was there."""
    world.add(notes="a", invitee_email="ann@example.com")
    world.push()
    world.execute("UPDATE delivery SET sent_content = NULL")
    world.sandbox.set_faults(Faults(refuse_nulls=400))

    change(world, notes=None, invitee_name="Ben Example")
    push(world)

    assert in_envoy(world)["invitee"]["name"] == "Ben Example"
    assert world.delivery()["error_detail"] == "Envoy kept what was cleared: notes"
