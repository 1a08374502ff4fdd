"""A claim that was committed unheard is taken back by the one who made it: nothing was sent for it."""

from typing import NoReturn

import pytest

from tests.integration.delivery.world import World
from worker.errors import DatabaseUnreachable
from worker.failpoints import armed


def unheard() -> NoReturn:
    """Lose the connection after the commit, as a server does that dies in that moment."""
    raise DatabaseUnreachable("the answer was lost")


def test_a_create_is_due_again_at_once(world: World) -> None:
    """It does not wait for the end of its lease, comes into no doubt, and counts as no attempt."""
    world.add()

    with armed("after_intent", action=unheard), pytest.raises(DatabaseUnreachable):
        world.push()
    delivery = world.delivery()
    (line,) = world.attempts()
    world.push()

    assert (delivery["status"], delivery["attempts"], delivery["lease_owner"]) == ("pending", 0, None)
    assert (delivery["content_key"], delivery["sent_content"]) == (None, None)
    assert (line["verdict"], line["error_code"]) == ("deferred", "claim_unheard")
    assert (world.delivery()["status"], len(world.sandbox.invites())) == ("sent", 1)


def test_an_update_knows_what_envoy_has(world: World) -> None:
    """What Envoy has is what it had before, so that a change back makes no call."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")

    with armed("after_intent", action=unheard), pytest.raises(DatabaseUnreachable):
        world.push()
    world.execute("UPDATE invite SET notes = 'a'")
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.sandbox.ledger()["updates"] == []


def test_a_row_that_another_worker_has_by_now_stays_its_own(world: World) -> None:
    """The commit failed, and another one was faster: only what stands under this attempt is taken back."""
    world.add()

    def overtaken() -> NoReturn:
        world.execute(
            "UPDATE delivery SET status = 'sending', fencing_token = 1, attempt_id = 'other',"
            " lease_owner = 'another', lease_until = created_at"
        )
        unheard()

    with armed("before_claim", action=overtaken), pytest.raises(DatabaseUnreachable):
        world.push()

    assert (world.delivery()["status"], world.delivery()["attempt_id"]) == ("sending", "other")
    assert world.attempts() == []
