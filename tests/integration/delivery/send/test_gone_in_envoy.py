"""Somebody deleted an invite in Envoy by hand, and then its row was changed."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.world import World
from worker.errors import UsageError
from worker.invites import moves, store

MOVED = "2035-03-01T08:00:00Z"


@pytest.fixture
def recreating(recreating: World) -> World:
    """Give the same, whose worker makes again what is missing in Envoy."""
    recreating.add("known", expected_arrival_at="2035-02-01T08:00:00Z")
    recreating.push()
    return recreating


def change(world: World, columns: str) -> None:
    """Change the visit."""
    world.execute(f"UPDATE invite SET {columns} WHERE external_id = 'v-1'")  # noqa: S608


def in_envoy(world: World) -> list[dict[str, Any]]:
    """Return what Envoy has of the visit."""
    return [one for one in world.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]


def creates(world: World) -> int:
    """Return how often the visit was made."""
    return sum(one["name"] == "Visitor v-1" for one in world.sandbox.ledger()["creates"])


def delete_by_hand(world: World) -> None:
    """Push one visit, and let somebody delete it in Envoy."""
    world.add(notes="a")
    world.push()
    world.sandbox.delete_invite(world.delivery()["envoy_invite_id"])


def know_a_place_that_is_gone(world: World) -> None:
    """Let the stored directory have a location that Envoy has not."""
    (connection,) = world.rows("SELECT id FROM connection")
    world.execute(
        "INSERT INTO location (connection_id, envoy_id, name, enabled) VALUES (:id, '999', 'Gone', true)",
        id=connection["id"],
    )


def test_it_is_reported_and_not_made_anew(known_world: World) -> None:
    """Anyone who deleted it may have meant it: a person decides, and is told how."""
    delete_by_hand(known_world)
    change(known_world, "notes = 'b'")

    with capture_logs() as logs:
        assert known_world.push().counts["rejected"] == 1

    (event,) = (log for log in logs if log["event"] == "invite.rejected")
    assert event["error_code"] == "gone_in_envoy"
    assert "invites resolve acme/v-1 --resend" in event["hint"]
    assert in_envoy(known_world) == []


def test_a_person_can_have_it_made_anew(known_world: World) -> None:
    """The verdict is on record, and the next push makes a new invite in its newest form."""
    delete_by_hand(known_world)
    change(known_world, "notes = 'b'")
    known_world.push()

    moves.resolve(
        known_world.context.database,
        store.require(known_world.context.database, "acme/v-1"),
        envoy_invite_id=None,
    )
    known_world.push()

    (invite,) = in_envoy(known_world)
    assert (invite["notes"], known_world.delivery()["envoy_invite_id"]) == ("b", invite["id"])
    kinds = [one["kind"] for one in known_world.attempts()]
    assert kinds == ["create", "create", "update", "update", "person", "create"]


def test_what_was_refused_for_another_reason_is_not_made_anew(world: World) -> None:
    """Envoy still has it: a second one would be there twice."""
    world.add()
    world.push()
    change(world, "location = 'Nowhere'")
    world.push()

    standing = store.require(world.context.database, "acme/v-1")
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(world.context.database, standing, envoy_invite_id=None)


@pytest.mark.parametrize("changed", ["notes = 'b'", f"expected_arrival_at = '{MOVED}', location = 'London'"])
def test_a_setting_makes_it_anew_in_the_same_run(recreating: World, changed: str) -> None:
    """Even where the 404 might have spoken of the location: that is asked first."""
    recreating.sandbox.add_location("London")
    delete_by_hand(recreating)
    change(recreating, changed)

    counts = recreating.push().counts

    (invite,) = in_envoy(recreating)
    assert counts["sent"] == 1
    assert (recreating.delivery()["status"], recreating.delivery()["envoy_invite_id"]) == (
        "sent",
        invite["id"],
    )
    assert creates(recreating) == 2


def test_a_missing_location_is_no_missing_invite(recreating: World) -> None:
    """Envoy has the invite, and not the place that it is moved to: it keeps its id, and is not doubled."""
    recreating.add(notes="a")
    recreating.push()
    know_a_place_that_is_gone(recreating)
    change(recreating, "location = 'Gone', notes = 'b'")

    assert recreating.push().counts["rejected"] == 1

    (invite,) = in_envoy(recreating)
    assert (recreating.delivery()["error_code"], invite["notes"]) == ("place_not_found", "b")
    assert recreating.delivery()["envoy_invite_id"] == invite["id"]
    database = recreating.context.database
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)

    change(recreating, "location = 'Berlin'")
    recreating.push()
    assert recreating.delivery()["status"] == "sent"
    assert creates(recreating) == 1


def test_a_change_back_after_a_404_asks_whether_the_invite_is_there(recreating: World) -> None:
    """That nothing differs from what was sent last does not say that Envoy still has it."""
    recreating.sandbox.add_location("Oslo")
    delete_by_hand(recreating)
    change(recreating, "location = 'Oslo'")
    assert recreating.push(limit=1).counts["deferred"] == 1

    change(recreating, "location = 'Berlin'")
    recreating.push()

    (invite,) = in_envoy(recreating)
    assert recreating.delivery()["envoy_invite_id"] == invite["id"]


def test_what_is_cleared_while_the_invite_is_asked_for_is_cleared_in_envoy(recreating: World) -> None:
    """The place was repaired meanwhile, so that the question is the whole update."""
    recreating.add(invitee_email="ann@example.com", custom_fields='{"Badge": "7"}')
    recreating.push()
    know_a_place_that_is_gone(recreating)
    change(recreating, "location = 'Gone'")
    assert recreating.push(limit=1).counts["deferred"] == 1

    change(recreating, "location = 'Berlin', invitee_email = NULL, custom_fields = NULL")
    recreating.push()

    (invite,) = in_envoy(recreating)
    assert (recreating.delivery()["status"], recreating.delivery()["error_code"]) == ("sent", None)
    assert not invite["invitee"].get("email")
    assert not invite["customFields"]


def test_a_place_that_was_not_refused_is_not_taken_for_missing(recreating: World) -> None:
    """The 404 was another place's, which the caller has repaired meanwhile."""
    recreating.sandbox.add_location("Oslo")
    recreating.add()
    recreating.push()
    know_a_place_that_is_gone(recreating)
    change(recreating, "location = 'Gone'")
    assert recreating.push(limit=1).counts["deferred"] == 1

    change(recreating, "location = 'Oslo'")
    recreating.push()

    (invite,) = in_envoy(recreating)
    oslo = next(one["envoy_id"] for one in recreating.rows("SELECT * FROM location") if one["name"] == "Oslo")
    assert (recreating.delivery()["status"], invite["locationId"]) == ("sent", oslo)
    assert creates(recreating) == 1


def test_a_removal_of_what_is_gone_is_done(known_world: World) -> None:
    """A 404 to a remove is what was wanted."""
    delete_by_hand(known_world)
    change(known_world, "wanted = 'absent'")

    assert known_world.push().counts["withdrawn"] == 1
    assert (known_world.delivery()["status"], known_world.delivery()["envoy_invite_id"]) == (
        "withdrawn",
        None,
    )
