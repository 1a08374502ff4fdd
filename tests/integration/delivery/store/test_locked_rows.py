"""A caller's open transaction keeps its own rows, and nobody else's; on PostgreSQL, where rows are locked."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.integration.delivery.doubting import WITHOUT_READING, doubt
from tests.integration.delivery.recovery.test_recovery import DEAD, interrupt
from tests.integration.delivery.world import World
from worker.sandbox import Sandbox


@pytest.fixture
def world(postgresql_url: str, sandbox: Sandbox) -> Iterator[World]:
    """Give a connected world on PostgreSQL, whose customer lets us read invites."""
    scopes = ", ".join(f'"{scope}"' for scope in (*WITHOUT_READING, "invites.read"))
    made = World(postgresql_url, sandbox, WORKER_ENVOY__SCOPES=f"[{scopes}]")
    made.connect()
    yield made
    made.context.__exit__(None, None, None)


@contextmanager
def changing(world: World, external_id: str) -> Iterator[None]:
    """Keep a transaction open that has changed an invite."""
    with world.context.database.engine.connect() as caller, caller.begin():
        statement = sa.text("UPDATE invite SET notes = 'x' WHERE external_id = :key")
        caller.execute(statement, {"key": external_id})
        yield


def test_a_locked_row_is_passed_over_by_a_push(world: World) -> None:
    """It is not even finished; the others are."""
    for name in ("v-1", "v-2"):
        world.add(name, location="Nowhere")

    with changing(world, "v-1"):
        assert world.push().counts["rejected"] == 1

        assert world.delivery("v-2")["status"] == "rejected"


def test_a_locked_row_is_claimed_by_nobody_and_stops_no_other(world: World) -> None:
    """The senders that come by take the next one, and nobody waits for the caller."""
    for name in ("v-1", "v-2", "v-3"):
        world.add(name)

    with changing(world, "v-1"):
        assert world.push().counts["sent"] == 2

        assert world.attempts()[0]["delivery_id"] != world.delivery("v-1")["id"]
    assert world.push().counts["sent"] == 1


def test_a_locked_row_of_a_dead_worker_stops_no_push(world: World) -> None:
    """What a crash left behind is put right later; what is due is sent now."""
    world.add("v-1")
    interrupt(world, "create", owner=DEAD, lease_seconds=60)
    world.add("v-2", invitee_name="Another")

    with changing(world, "v-1"):
        assert world.push().counts["sent"] == 1
    world.push()

    assert world.delivery("v-1")["status"] == "unknown"


def test_a_locked_doubt_stops_no_other_look(world: World) -> None:
    """It is looked up later, the others now."""
    for name in ("v-1", "v-2"):
        doubt(world, "drop_after_share", external_id=name, invitee_name=f"Visitor {name}")
    world.make_looks_due()

    with changing(world, "v-1"):
        assert world.reconcile().counts["sent"] == 1
    world.make_looks_due()

    assert world.delivery("v-2")["status"] == "sent"
    assert world.reconcile().counts["sent"] == 1
