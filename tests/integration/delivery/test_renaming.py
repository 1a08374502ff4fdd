"""A caller's rename that races a claim: one of them wins, and no invite is in Envoy under another key."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.delivery.world import World
from worker.failpoints import armed

RENAMES = pytest.mark.parametrize(("column", "value"), [("external_id", "v-9"), ("connection", "other")])
REFUSAL = "this invite was sent or tried: set wanted = 'absent' and insert a new row instead of renaming it"


def rename(world: World, column: str, value: str) -> str:
    """Rename the invite as its caller would; return the database's refusal, nothing where it was done."""
    try:
        world.execute(f"UPDATE invite SET {column} = :value", value=value)  # noqa: S608
    except sa.exc.IntegrityError as error:
        return str(error.orig)
    return ""


def keys(world: World) -> list[Mapping[str, Any]]:
    """Return the key of the invite, and that of its delivery."""
    query = "SELECT connection, external_id FROM {}"
    return world.rows(query.format("invite")) + world.rows(query.format("delivery"))


@RENAMES
def test_a_rename_before_the_claim_leaves_nothing_to_send_under_the_old_key(
    world: World, column: str, value: str
) -> None:
    """The row was read and planned under its old key; the claim sees that it has moved on."""
    world.add()

    with armed("before_claim", action=lambda: rename(world, column, value)):
        world.push()
    world.push()

    (delivery,) = world.rows("SELECT * FROM delivery")
    old = {"connection": "acme", "external_id": "v-1"}
    assert keys(world) == [old | {column: value}] * 2
    assert len(world.attempts()) == len(world.sandbox.invites()) == (column == "external_id")
    assert delivery["status"] == ("sent" if column == "external_id" else "pending")
    assert {attempt["revision"] for attempt in world.attempts()} <= {2}, "planned again"


@RENAMES
@pytest.mark.parametrize("place", ["after_intent", "after_envoy_committed", "after_verdict_commit"])
def test_a_rename_after_the_claim_is_refused(world: World, place: str, column: str, value: str) -> None:
    """Envoy's invite hangs on the key of its attempt, from the intent on and for good."""
    world.add()
    refusals: list[str] = []

    with armed(place, action=lambda: refusals.append(rename(world, column, value))):
        world.push()

    assert [REFUSAL in text for text in refusals] == [True]
    assert keys(world) == [{"connection": "acme", "external_id": "v-1"}] * 2
    assert world.delivery()["status"] == "sent"
    assert len(world.sandbox.invites()) == 1
