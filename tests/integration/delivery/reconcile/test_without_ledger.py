"""A row in doubt whose line the ledger has not (any more): after a restore, or by somebody's hand."""

import pytest

from tests.integration.delivery.doubting import doubt, names
from tests.integration.delivery.world import World
from worker.database.owner import this_process

LOST = (
    "UPDATE delivery SET status = 'sending', fencing_token = fencing_token + 1, attempt_id = 'lost',"
    " lease_owner = :owner, lease_until = created_at WHERE external_id <> 'known'"
)


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world whose customer lets us read invites, one of which is known to be there."""
    return known_world


def lose_ledger(world: World) -> None:
    world.execute("DELETE FROM attempt")


def notes(world: World) -> list[str]:
    """Return the notes that Envoy has."""
    return sorted(one["notes"] for one in world.sandbox.invites() if one["notes"])


def test_what_was_on_its_way_is_in_doubt_or_due_again(world: World) -> None:
    """The row still tells what was tried: what has no Envoy id was being created, what has one was not."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")
    world.add("v-2")
    world.execute(LOST, owner=this_process())
    lose_ledger(world)

    report = world.push()

    assert (report.counts["unknown"], world.delivery("v-2")["status"]) == (1, "unknown")
    assert (world.delivery()["status"], names(world), notes(world)) == ("sent", ["Visitor v-1"], ["b"])


def test_what_was_executed_is_found(world: World) -> None:
    """Which revision was tried is not known any more, but what was sent: only what differs is sent again."""
    doubt(world, "drop_after_share")
    doubt(world, "drop_after_share", external_id="v-2")
    world.execute("UPDATE invite SET notes = 'changed' WHERE external_id = 'v-2'")
    lose_ledger(world)

    world.make_looks_due()
    assert world.reconcile().counts["sent"] == 2
    world.push()

    delivery = world.delivery()
    assert (delivery["status"], delivery["sent_revision"]) == ("sent", delivery["revision"])
    assert (names(world), notes(world)) == (["Visitor v-1", "Visitor v-2"], ["changed"])
    assert len(world.sandbox.ledger()["updates"]) == 1


def test_what_was_not_executed_is_sent_again_after_the_last_look(world: World) -> None:
    """It neither waits for ever nor is it sent blindly, even if nobody knows since when it is in doubt."""
    doubt(world, "drop_before_share")
    lose_ledger(world)
    world.execute("UPDATE delivery SET unknown_since = NULL")
    world.push()
    assert names(world) == []

    world.look_to_the_end()
    world.push()

    assert (world.delivery()["status"], names(world)) == ("sent", ["Visitor v-1"])


def test_what_is_older_than_the_doubt_is_for_a_person(world: World) -> None:
    """When it was tried is not known any more; not later, at least, than its doubt began."""
    doubt(world, "drop_after_share")
    lose_ledger(world)
    world.execute("UPDATE delivery SET unknown_since = '2099-01-01T00:00:00.000Z' WHERE status = 'unknown'")

    world.make_looks_due()
    world.reconcile()

    assert (world.delivery()["status"], world.delivery()["error_code"]) == ("unknown", "look_up_older")
