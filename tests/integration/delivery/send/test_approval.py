"""Whether Envoy has approved an invite: stored and told, and never a reason to send it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.doubting import doubt
from tests.integration.delivery.world import World
from worker.invites import moves, store
from worker.sandbox import Faults


def told(logs: Sequence[Mapping[str, Any]], event: str) -> object:
    """Return the approval that the one event of this name tells."""
    (found,) = [line for line in logs if line["event"] == event]
    return found.get("approval_status")


@pytest.mark.parametrize("word", ["APPROVED", "PENDING", "AWAITING_REVIEW", "DENIED", "Some_New_Word"])
def test_whatever_envoy_says_the_invite_is_sent(world: World, word: str) -> None:
    """It counts as pushed, with Envoy's word; another push sends nothing."""
    world.sandbox.set_faults(Faults(approval_status=word))
    world.add()

    with capture_logs() as logs:
        first = world.push()
    again = world.push()

    assert (first.counts["sent"], again.did_something, list(first.troubles)) == (1, False, [])
    assert (world.delivery()["status"], world.delivery()["approval_status"]) == ("sent", word)
    assert world.rows("SELECT approval_status FROM invite_status") == [{"approval_status": word}]
    assert told(logs, "invite.sent") == word
    assert len(world.sandbox.ledger()["creates"]) == 1


@pytest.mark.parametrize("odd", ["two words", "X" * 41, "ann@example.com", "<b>"])
def test_what_is_no_word_is_not_kept(world: World, odd: str) -> None:
    """The invite is sent all the same."""
    world.sandbox.set_faults(Faults(approval_status=odd))
    world.add()

    world.push()

    assert (world.delivery()["status"], world.delivery()["approval_status"]) == ("sent", None)


def test_a_flow_may_want_approval(world: World) -> None:
    """Of two invites the one whose flow wants it waits in Envoy."""
    world.sandbox.add_flow("Audit", needs_approval=True)
    world.add("waits", flow="Audit")
    world.add("goes", flow="Interview")

    world.push()

    words = {key: world.delivery(key)["approval_status"] for key in ("waits", "goes")}
    assert words == {"waits": "PENDING", "goes": "APPROVED"}


def test_an_update_brings_envoys_newest_word(world: World) -> None:
    """An invite that is changed in Envoy must be approved again."""
    world.add()
    world.push()
    world.sandbox.set_faults(Faults(approval_status="AWAITING_REVIEW"))
    world.execute("UPDATE invite SET notes = 'Third floor'")

    with capture_logs() as logs:
        world.push()

    assert world.delivery()["approval_status"] == "AWAITING_REVIEW"
    assert told(logs, "invite.updated") == "AWAITING_REVIEW"


def test_a_look_up_brings_envoys_word_too(known_world: World) -> None:
    """The answer was lost; what Envoy lists says that the invite waits."""
    doubt(
        known_world, "drop_after_share", flow=known_world.sandbox.add_flow("Audit", needs_approval=True)["id"]
    )
    known_world.make_looks_due()

    with capture_logs() as logs:
        known_world.reconcile()

    assert (known_world.delivery()["status"], known_world.delivery()["approval_status"]) == (
        "sent",
        "PENDING",
    )
    assert told(logs, "invite.reconciled") == "PENDING"


def test_an_invite_that_is_made_anew_has_no_old_word(known_world: World) -> None:
    """A remove was executed and its answer lost: what Envoy said of the old invite is forgotten."""
    known_world.add()
    known_world.push()
    known_world.sandbox.set_faults(Faults(drop_after_share=1, only="DELETE"))
    known_world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")
    known_world.push()
    known_world.sandbox.set_faults(Faults())
    known_world.execute("UPDATE invite SET wanted = 'present' WHERE external_id = 'v-1'")
    known_world.make_due()
    while known_world.delivery()["envoy_invite_id"] is not None:
        assert known_world.push(limit=1).counts["deferred"] == 1

    assert (known_world.delivery()["envoy_invite_id"], known_world.delivery()["approval_status"]) == (
        None,
        None,
    )


def test_an_invite_that_a_person_sends_again_has_no_old_word(known_world: World) -> None:
    """Somebody deleted it in Envoy, and a person's verdict is to make it again."""
    known_world.add()
    known_world.push()
    known_world.sandbox.delete_invite(known_world.delivery()["envoy_invite_id"])
    known_world.execute("UPDATE invite SET notes = 'Third floor' WHERE external_id = 'v-1'")
    known_world.push()
    database = known_world.context.database

    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)

    assert (known_world.delivery()["envoy_invite_id"], known_world.delivery()["approval_status"]) == (
        None,
        None,
    )


def test_the_status_of_each_success_is_kept(world: World) -> None:
    """In the ledger and in the events: made, changed, removed."""
    world.add()
    with capture_logs() as logs:
        world.push()
        world.execute("UPDATE invite SET notes = 'Third floor'")
        world.push()
        world.execute("UPDATE invite SET wanted = 'absent'")
        world.push()

    assert [line["http_status"] for line in world.attempts()] == [201, 200, 200]
    names = ("invite.sent", "invite.updated", "invite.withdrawn")
    assert [line["http_status"] for line in logs if line["event"] in names] == [201, 200, 200]
