"""A gateway before Envoy lost its routes: it answers 404 and the like itself, and executes nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.conftest import READING_SCOPES, MakeWorld
from tests.integration.delivery.doubting import ARRIVAL
from tests.integration.delivery.world import World
from worker.sandbox import Faults

# All under /v1, or all that has to do with invites while locations are answered.
LOST = [
    {"lost": "html"},
    {"lost": "json"},
    {"lost": "json", "lost_status": 410, "lost_only": "POST /v1/invites, DELETE /v1/, GET /v1/invites"},
    {"lost": "html", "lost_status": 405, "lost_only": "POST /v1/invites, DELETE /v1/"},
]


def day(number: int) -> str:
    """Return a time of arrival, so many days after the first one."""
    return (ARRIVAL + timedelta(days=number)).isoformat()


def three_visits(world: World) -> None:
    """Have one visit that is to be created, one that is to be updated, and one that is to be removed."""
    for number, name in enumerate(("changed", "unwanted", "kept")):
        world.add(name, expected_arrival_at=day(number))
    world.push()
    world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'changed'")
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'unwanted'")
    world.add("new", expected_arrival_at=day(5))


def agree(world: World) -> None:
    """Require that Envoy has what the table says, each once, and that nothing was sent twice for it."""
    held = {one["invitee"]["name"].removeprefix("Visitor "): one for one in world.sandbox.invites()}
    assert sorted(held) == ["changed", "kept", "new"]
    assert held["changed"]["notes"] == "b"
    assert len(world.sandbox.ledger()["creates"]) == 4
    stands = {row["external_id"]: row for row in world.rows("SELECT * FROM delivery")}
    assert {name: row["status"] for name, row in stands.items()} == {
        "changed": "sent", "unwanted": "withdrawn", "kept": "sent", "new": "sent",
    }  # fmt: skip
    assert {name: row["id"] for name, row in held.items()} == {
        name: stands[name]["envoy_invite_id"] for name in held
    }


def later(world: World) -> None:
    """Let all waits and holds be over, and push."""
    world.make_due()
    world.let_holds_end()
    world.push()


@pytest.mark.parametrize("faults", LOST)
def test_what_a_gateway_answers_is_no_verdict_on_any_row(recreating: World, faults: dict[str, Any]) -> None:
    """Every row waits and keeps its id; when the routes are back, Envoy is as the table says."""
    three_visits(recreating)
    ids = {row["external_id"]: row["envoy_invite_id"] for row in recreating.rows("SELECT * FROM delivery")}
    recreating.sandbox.set_faults(Faults(**faults))

    counts = [recreating.push().counts]
    for _ in range(3):
        recreating.make_due()
        recreating.let_holds_end()
        counts.append(recreating.push().counts)

    assert not any(one["rejected"] or one["withdrawn"] or one["unknown"] for one in counts)
    stands = recreating.rows("SELECT * FROM delivery")
    assert {row["external_id"]: row["envoy_invite_id"] for row in stands} == ids
    assert {row["status"] for row in stands} == {"pending", "sent"}
    recreating.sandbox.set_faults(Faults())
    for _ in range(2):
        later(recreating)
    agree(recreating)


@pytest.mark.parametrize(
    ("only", "form"),
    [("POST /v1/invites$", "json"), ("POST /v1/invites/", "html"), ("DELETE /v1/invites/", "json")],
)
def test_a_single_lost_route_rejects_nobody_where_invites_may_not_be_read(
    world: World, only: str, form: str
) -> None:
    """Locations are answered all the while; only a write of the same kind says that its route is there."""
    three_visits(world)
    world.sandbox.set_faults(Faults(lost=form, lost_only=only))

    for _ in range(3):
        later(world)

    assert world.rows("SELECT 1 FROM delivery WHERE status NOT IN ('pending', 'sent', 'withdrawn')") == []
    world.sandbox.set_faults(Faults())
    for _ in range(2):
        later(world)
    agree(world)


def test_a_row_that_waits_for_a_lost_route_waits_longer_each_time(world: World) -> None:
    """No attempt is counted, the wait is stored and grows, and the connection is held in the end."""
    world.add()
    world.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$"))

    for number in range(1, 4):
        later(world)
        assert (world.delivery()["deferrals"], world.delivery()["attempts"]) == (number, 0)


def test_many_that_nothing_proves_hold_their_connection(world: World) -> None:
    """A route that stays lost costs a few requests after each growing hold, however many rows wait for it."""
    for number in range(30):
        world.add(f"v-{number}", expected_arrival_at=day(number))
    world.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$"))

    world.push()

    assert world.rows("SELECT hold_reason FROM connection") == [{"hold_reason": "outage"}]
    assert sum(world.sandbox.ledger()["by_route"]["POST /v1/invites"].values()) < 15


def refuse(world: World, key: str = "bad", **columns: str) -> None:
    """Add a visit whose host Envoy does not have."""
    world.add(key, host_employee_id="999999", **columns)


def test_a_true_404_rejects_its_row_once_a_known_invite_was_read(known_world: World) -> None:
    """In one run: Envoy's own JSON; after it a location list and a known invite are answered; and again."""
    refuse(known_world)

    assert known_world.push().counts["rejected"] == 1

    assert known_world.delivery("bad")["error_code"] == "not_found"
    routes = known_world.sandbox.ledger()["by_route"]
    assert routes["GET /v1/invites/{id}"] == {"200": 1}


def test_one_probe_serves_all_refusals_before_it(known_world: World) -> None:
    """Twenty rows that were refused at once do not ask twenty times."""
    for number in range(20):
        refuse(known_world, f"bad-{number}", expected_arrival_at=day(number))
    before = known_world.reads()

    assert known_world.push().counts["rejected"] == 20

    assert known_world.reads() - before < 20


def test_a_true_404_rejects_its_row_once_another_write_went_through(world: World) -> None:
    """Without the right to read invites, a create that Envoy took since says that the route is there."""
    world.add("before")
    world.push()
    refuse(world)
    for _ in range(2):
        later(world)
        assert world.delivery("bad")["status"] == "pending", "the route may have been lost since"

    world.add("since", expected_arrival_at=day(1))
    world.push()
    world.make_due()

    assert world.push().counts["rejected"] == 1
    assert world.delivery("bad")["error_code"] == "not_found"


def test_moments_that_lie_ahead_came_from_a_wrong_clock(known_world: World) -> None:
    """They neither keep a row waiting until then, nor prove anything."""
    world, ahead = known_world, "2999-01-01T00:00:00.000Z"
    refuse(world)
    world.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/, POST /v1/invites$"))
    world.push()
    world.execute("UPDATE connection SET probed_at = :ahead, known_read_at = :ahead", ahead=ahead)
    later(world)
    assert world.delivery("bad")["status"] == "pending"
    world.execute("UPDATE delivery SET refused_at = :ahead WHERE external_id = 'bad'", ahead=ahead)
    world.sandbox.set_faults(Faults())

    later(world)

    assert world.delivery("bad")["status"] == "rejected"


def test_a_location_that_envoy_has_not_any_more_rejects_the_first_row_of_a_customer(world: World) -> None:
    """Nobody else's write is waited for: the locations are read again, and the row's is not among them."""
    (connection,) = world.rows("SELECT id FROM connection")
    world.execute(
        "INSERT INTO location (connection_id, envoy_id, name, enabled) VALUES (:id, '999', 'Gone', true)",
        id=connection["id"],
    )
    world.add(location="Gone")

    assert world.push().counts["rejected"] == 1

    assert world.delivery()["error_code"] == "location_unknown"


def test_a_removal_is_done_only_where_the_invite_is_known_to_be_gone(known_world: World) -> None:
    """Envoy says 404 to the invite itself, and lists another one at its place but not this one."""
    known_world.add("gone", expected_arrival_at=day(3))
    known_world.push()
    known_world.sandbox.delete_invite(known_world.delivery("gone")["envoy_invite_id"])
    known_world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")

    known_world.push()

    stands = known_world.delivery("gone")
    assert (stands["status"], stands["envoy_invite_id"]) == ("withdrawn", None)
    routes = known_world.sandbox.ledger()["by_route"]
    assert routes["GET /v1/invites/{id}"]["404"] == 1
    assert routes["GET /v1/invites"]["200"] >= 2


def test_another_answer_makes_what_was_found_out_worthless(known_world: World) -> None:
    """A removal that was refused, and then met a fault, is proven again when it is refused again."""
    world = known_world
    world.add("gone", expected_arrival_at=day(3))
    world.push()
    world.sandbox.delete_invite(world.delivery("gone")["envoy_invite_id"])
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")
    world.push(limit=1)
    assert world.delivery("gone")["gone_at"] is not None
    world.sandbox.set_faults(Faults(error_500_share=1.0, only="DELETE /v1/invites/"))
    world.push(limit=1)
    world.sandbox.set_faults(Faults())
    world.make_due()

    assert world.push(limit=1).counts["deferred"] == 1

    assert world.push().counts["withdrawn"] == 1
    assert world.sandbox.ledger()["by_route"]["GET /v1/invites/{id}"]["404"] == 2


def break_get(world: World, envoy_id: str) -> None:
    """Let a gateway lose the route of one invite."""
    world.sandbox.set_faults(
        Faults(lost="json", lost_only=f"DELETE /v1/invites/{envoy_id}, GET /v1/invites/{envoy_id}")
    )


def test_an_invite_that_a_list_still_shows_is_not_gone(known_world: World) -> None:
    """Though the removal and the read of it were answered 404, and another removal went through: it waits."""
    known_world.add("there", expected_arrival_at=day(3))
    known_world.add("other", expected_arrival_at=day(4))
    known_world.push()
    envoy_id = known_world.delivery("there")["envoy_invite_id"]
    break_get(known_world, envoy_id)
    known_world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'there'")

    for _ in range(3):
        later(known_world)
        stands = known_world.delivery("there")
        assert (stands["status"], stands["envoy_invite_id"]) == ("pending", envoy_id)
        known_world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'other'")

    known_world.sandbox.set_faults(Faults())
    later(known_world)
    assert known_world.delivery("there")["status"] == "withdrawn"
    assert len(known_world.sandbox.invites()) == 1


def test_a_removal_without_the_right_to_read_needs_another_that_went_through(world: World) -> None:
    """An update that went through does not do: a gateway may block one method."""
    for number, name in enumerate(("gone", "changed", "other")):
        world.add(name, expected_arrival_at=day(number))
    world.push()
    envoy_id = world.delivery("gone")["envoy_invite_id"]
    world.sandbox.delete_invite(envoy_id)
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")
    world.push()
    world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'changed'")
    world.push()
    later(world)
    stands = world.delivery("gone")
    assert (stands["status"], stands["envoy_invite_id"]) == ("pending", envoy_id)

    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'other'")
    world.push()
    world.sandbox.delete_invite(world.delivery("changed")["envoy_invite_id"])
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'changed'")
    for _ in range(3):
        later(world)

    assert world.delivery("gone")["status"] == "withdrawn"
    assert world.delivery("changed")["status"] == "pending", "a 404 is no write that went through"


def test_a_removal_that_nothing_proves_is_left_for_a_person_when_the_visit_is_over(world: World) -> None:
    """It does not wait for ever, and its id is kept until somebody has looked into Envoy."""
    world.add()
    world.push()
    envoy_id = world.delivery()["envoy_invite_id"]
    world.sandbox.delete_invite(envoy_id)
    world.execute("UPDATE invite SET wanted = 'absent', expected_arrival_at = '2020-03-01T09:00:00Z'")

    with capture_logs() as logs:
        for _ in range(2):
            later(world)

    assert (world.delivery()["status"], world.delivery()["envoy_invite_id"]) == ("rejected", envoy_id)
    (event,) = (log for log in logs if log["event"] == "invite.rejected")
    assert event["error_code"] == "not_found"
    assert "invites resolve acme/v-1 --resend" in event["hint"]


def test_a_change_of_the_row_begins_its_refusals_anew(known_world: World) -> None:
    """What was refused is not what is sent now."""
    world = known_world
    world.add("other", expected_arrival_at=day(4))
    world.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$, GET /v1/locations"))
    world.push()
    world.sandbox.set_faults(Faults())
    world.execute("UPDATE invite SET notes = 'x' WHERE external_id = 'other'")

    later(world)

    assert world.delivery("other")["status"] == "sent"


def test_a_lost_list_leaves_a_doubtful_create_to_a_later_look(known_world: World) -> None:
    """It is no refusal of the query: the row does not wait for a person."""
    world = known_world
    world.add()
    world.sandbox.set_faults(Faults(drop_after_share=1.0))
    world.push()
    world.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/"))
    for _ in range(2):
        world.make_looks_due()
        world.let_holds_end()
        world.reconcile()
    assert world.delivery()["next_attempt_at"] is not None

    world.sandbox.set_faults(Faults())
    world.make_looks_due()
    world.make_due()
    world.let_holds_end()
    world.reconcile()

    assert world.delivery()["status"] == "sent"


def test_a_lost_route_makes_no_host_unknown(make_world: MakeWorld) -> None:
    """A 404 to an employee counts only where employees are answered at all."""
    world = make_world(WORKER_ENVOY__SCOPES=json.dumps([*READING_SCOPES, "employees.read"]))
    world.connect()
    world.add(host_employee_id="300001")
    world.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/employees"))

    world.push()

    assert world.delivery()["status"] == "pending"


@pytest.mark.parametrize(
    ("change", "back"),
    [("notes = 'b'", "notes = NULL"), ("wanted = 'absent'", "wanted = 'present'")],
)
def test_a_change_back_after_a_refusal_is_sent(known_world: World, change: str, back: str) -> None:
    """Envoy may not have the invite any more: that nothing differs from what it was sent says nothing."""
    world = known_world
    world.add(expected_arrival_at=day(3))
    world.push()
    world.sandbox.delete_invite(world.delivery()["envoy_invite_id"])
    world.execute(f"UPDATE invite SET {change} WHERE external_id = 'v-1'")  # noqa: S608
    assert world.push(limit=1).counts["deferred"] == 1
    world.execute(f"UPDATE invite SET {back} WHERE external_id = 'v-1'")  # noqa: S608

    world.push()

    held = [one["id"] for one in world.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]
    stands = world.delivery()
    assert (stands["status"], [stands["envoy_invite_id"]]) in [("sent", held), ("rejected", ["40000002"])]
    assert stands["status"] == ("sent" if "wanted" in back else "rejected")
