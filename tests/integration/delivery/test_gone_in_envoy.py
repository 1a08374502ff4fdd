"""Somebody deleted an invite in Envoy by hand, and then its row was changed."""

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.world import World
from worker.errors import UsageError
from worker.invites import moves, store

MOVED = "2035-03-01T08:00:00Z"


@pytest.fixture
def recreating(make_world: MakeWorld) -> World:
    """Give a connected world whose worker makes anew what is missing in Envoy."""
    world = make_world(WORKER_PUSH__RECREATE_MISSING="true")
    world.connect()
    return world


def delete_by_hand(world: World) -> None:
    """Push one visit, and let somebody delete it in Envoy."""
    world.add(notes="a")
    world.push()
    world.sandbox.delete_invite(world.delivery()["envoy_invite_id"])


def test_it_is_reported_and_not_made_anew(world: World) -> None:
    """Whoever deleted it may have meant it: a person decides, and is told how."""
    delete_by_hand(world)
    world.execute("UPDATE invite SET notes = 'b'")

    with capture_logs() as logs:
        assert world.push().counts["rejected"] == 1

    (event,) = (log for log in logs if log["event"] == "invite.rejected")
    assert event["error_code"] == "gone_in_envoy"
    assert "invites resolve acme/v-1 --resend" in event["hint"]
    assert world.sandbox.invites() == []


def test_a_person_can_have_it_made_anew(world: World) -> None:
    """The verdict is on record, and the next push makes a new invite in its newest form."""
    delete_by_hand(world)
    world.execute("UPDATE invite SET notes = 'b'")
    world.push()

    moves.resolve(world.parts.database, store.require(world.parts.database, "acme/v-1"), envoy_invite_id=None)
    world.push()

    (invite,) = world.sandbox.invites()
    assert (invite["notes"], world.delivery()["envoy_invite_id"]) == ("b", invite["id"])
    assert [one["kind"] for one in world.attempts()] == ["create", "update", "person", "create"]


def test_what_was_refused_for_another_reason_is_not_made_anew(world: World) -> None:
    """Envoy still has it: a second one would be there twice."""
    world.add()
    world.push()
    world.execute("UPDATE invite SET location = 'Nowhere'")
    world.push()

    standing = store.require(world.parts.database, "acme/v-1")
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(world.parts.database, standing, envoy_invite_id=None)


@pytest.mark.parametrize("changed", ["notes = 'b'", f"expected_arrival_at = '{MOVED}', location = 'London'"])
def test_a_setting_makes_it_anew_in_the_same_run(recreating: World, changed: str) -> None:
    """Even where the 404 might have spoken of the location: that is asked first."""
    recreating.sandbox.add_location("London")
    delete_by_hand(recreating)
    recreating.execute(f"UPDATE invite SET {changed}")  # noqa: S608

    counts = recreating.push().counts

    (invite,) = recreating.sandbox.invites()
    assert counts["sent"] == 1
    assert (recreating.delivery()["status"], recreating.delivery()["envoy_invite_id"]) == (
        "sent",
        invite["id"],
    )
    assert len(recreating.sandbox.ledger()["creates"]) == 2


def test_a_missing_location_is_no_missing_invite(recreating: World) -> None:
    """Envoy has the invite, and not the place that it is moved to: it keeps its id, and is not doubled."""
    recreating.add(notes="a")
    recreating.push()
    (connection,) = recreating.rows("SELECT id FROM connection")
    recreating.execute(
        "INSERT INTO location (connection_id, envoy_id, name, enabled) VALUES (:id, '999', 'Gone', true)",
        id=connection["id"],
    )
    recreating.execute("UPDATE invite SET location = 'Gone', notes = 'b'")

    assert recreating.push().counts["rejected"] == 1

    (invite,) = recreating.sandbox.invites()
    assert (recreating.delivery()["error_code"], invite["notes"]) == ("place_not_found", "b")
    assert recreating.delivery()["envoy_invite_id"] == invite["id"]
    standing = store.require(recreating.parts.database, "acme/v-1")
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(recreating.parts.database, standing, envoy_invite_id=None)

    recreating.execute("UPDATE invite SET location = 'Berlin'")
    recreating.push()
    assert recreating.delivery()["status"] == "sent"
    assert len(recreating.sandbox.ledger()["creates"]) == 1


def test_a_change_back_after_a_404_asks_whether_the_invite_is_there(recreating: World) -> None:
    """That nothing differs from what was sent last does not say that Envoy still has it."""
    recreating.sandbox.add_location("Oslo")
    delete_by_hand(recreating)
    recreating.execute("UPDATE invite SET location = 'Oslo'")
    assert recreating.push(limit=1).counts["deferred"] == 1

    recreating.execute("UPDATE invite SET location = 'Berlin'")
    recreating.push()

    (invite,) = recreating.sandbox.invites()
    assert recreating.delivery()["envoy_invite_id"] == invite["id"]


def test_a_removal_of_what_is_gone_is_done(world: World) -> None:
    """A 404 to a remove is what was wanted."""
    delete_by_hand(world)
    world.execute("UPDATE invite SET wanted = 'absent'")

    assert world.push().counts["withdrawn"] == 1
    assert (world.delivery()["status"], world.delivery()["envoy_invite_id"]) == ("withdrawn", None)
