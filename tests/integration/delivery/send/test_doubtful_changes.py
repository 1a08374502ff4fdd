"""An update or a remove whose answer was lost, and a caller who changes the visit again."""

import pytest

from tests.integration.delivery.world import World
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json


def in_doubt(world: World, fault: str, change: str) -> None:
    """Send a visit, then a change of it that ends in doubt."""
    world.add(notes="a")
    world.push()
    world.execute(f"UPDATE invite SET {change}")  # noqa: S608
    world.sandbox.set_faults(faults_from_json({fault: 1.0, "only": ""}))
    assert world.push().counts["deferred"] == 1
    world.sandbox.set_faults(Faults())


def show_that_updates_go_through(world: World) -> None:
    """Let another visit be changed: then a refusal of an update is known to be Envoy's own."""
    if not world.rows("SELECT 1 FROM invite WHERE external_id = 'other'"):
        world.add("other")
        world.push()
    world.execute("UPDATE invite SET notes = coalesce(notes, '') || 'x' WHERE external_id = 'other'")
    world.push()


@pytest.mark.parametrize("fault", ["drop_after_share", "drop_before_share", "garbage_share"])
@pytest.mark.parametrize("back_to", ["'a'", "NULL"])
def test_a_change_back_is_sent_though_it_equals_what_was_confirmed_last(
    world: World, fault: str, back_to: str
) -> None:
    """Envoy may have the change whose answer was lost; what it has is only known once an answer is clear."""
    in_doubt(world, fault, "notes = 'b'")

    world.execute(f"UPDATE invite SET notes = {back_to}")  # noqa: S608
    world.make_due()
    world.push()

    (invite,) = world.sandbox.invites()
    assert (world.delivery()["status"], invite["notes"]) == ("sent", None if back_to == "NULL" else "a")


@pytest.mark.parametrize("fault", ["drop_after_share", "drop_before_share"])
@pytest.mark.parametrize("note", ["a", "b"])
def test_a_visit_that_is_wanted_again_is_in_envoy_once(world: World, fault: str, note: str) -> None:
    """Whether or not the remove was executed: Envoy is asked, and the visit is made again if it is gone."""
    in_doubt(world, fault, "wanted = 'absent'")
    first_id = world.delivery()["envoy_invite_id"]

    world.execute(f"UPDATE invite SET wanted = 'present', notes = '{note}'")  # noqa: S608
    for _ in range(3):
        world.make_due()
        world.push()
        show_that_updates_go_through(world)

    (invite,) = [one for one in world.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]
    assert (world.delivery()["status"], invite["notes"]) == ("sent", note)
    assert world.delivery()["envoy_invite_id"] == invite["id"]
    assert (invite["id"] == first_id) == (fault == "drop_before_share"), "it was removed, or it stays"


def test_an_update_that_was_surely_not_executed_leaves_nothing_in_doubt(world: World) -> None:
    """After a 429 Envoy has what it had, so that a change back needs no call."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.sandbox.set_faults(Faults(error_429_share=1.0))
    world.push()
    world.sandbox.set_faults(Faults())

    world.execute("UPDATE invite SET notes = 'a'")
    world.make_due()
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.sandbox.ledger()["updates"] == []
