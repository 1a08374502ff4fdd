"""Whose look it is, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.delivery.doubting import ARRIVAL, doubt, text_of
from tests.integration.delivery.world import World
from worker.backoff import BackOff
from worker.connections.scopes import readers
from worker.delivery.preview import Fate, preview
from worker.delivery.reconcile.decision import Decision, Schedule
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.unknown_rows import due_doubts
from worker.invites import Status, Verdict


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world whose customer lets us read invites, one of which is known to be there."""
    return known_world


def test_no_look_is_made_before_its_time(world: World) -> None:
    """Envoy may show an invite late: the first look comes after seconds, and each has its time."""
    doubt(world, "drop_before_share")

    assert world.reconcile().counts["looked_up"] == 0

    world.make_looks_due()
    world.reconcile()
    assert world.reconcile().counts["looked_up"] == 0
    assert world.delivery()["look_ups"] == 1


def test_two_processes_make_each_look_once(world: World) -> None:
    """The look is taken before it is made; the other process finds nothing to do."""
    doubt(world, "drop_before_share")
    world.make_looks_due()
    doubts = due(world)

    taken = [look_ups(world).take(doubts[0]) for _ in range(2)]

    assert (taken[0] is None, taken[1] is None) == (False, True)


def due(world: World) -> Any:
    """Return the doubts that are due."""
    return due_doubts(world.context.database, only=None, excluded=(), longest_wait=600, size=9)


def look_ups(world: World) -> Any:
    """Return what takes looks."""
    return LookUps(world.context.database, Schedule([5.0, 30.0]), back_off=BackOff(5, 900), run_id="run-1")


def test_one_customers_doubts_do_not_wait_for_anothers(world: World) -> None:
    """Due doubts come in turn from each connection."""
    world.execute("INSERT INTO connection (name, status, scopes) VALUES ('beta', 'active', 'invites.read')")
    world.add("a-1", expected_arrival_at=ARRIVAL.isoformat())
    world.add("a-2", expected_arrival_at=ARRIVAL.isoformat())
    world.add("b-1", connection="beta", expected_arrival_at=ARRIVAL.isoformat())
    world.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, started_at)"
        " SELECT external_id, id, 'create', 1, 1, created_at FROM delivery WHERE external_id <> 'known'"
    )
    world.execute(
        "UPDATE delivery SET status = 'unknown', attempt_id = external_id, fencing_token = 1,"
        " next_attempt_at = created_at WHERE external_id <> 'known'"
    )

    order = [doubt.external_id for doubt in due(world)]

    assert (order[0:2] in (["a-1", "b-1"], ["b-1", "a-1"]), order[2]) == (True, "a-2")


def test_a_dry_run_names_what_would_be_looked_up(world: World) -> None:
    """And makes no look."""
    doubt(world, "drop_before_share")
    early = list(preview(world.context.database, only=None, limit=None, longest_wait=600))
    world.make_looks_due()

    fates = list(preview(world.context.database, only=None, limit=None, longest_wait=600))

    assert early == []
    assert fates == [Fate("acme", "v-1", "look_up", "connection_lost")]
    assert world.delivery()["look_ups"] == 0


def test_a_look_that_a_wrong_clock_put_far_ahead_is_due(world: World) -> None:
    """No look is ever put off by more than ten minutes, so that one in two hours is no look to wait for."""
    doubt(world, "drop_after_share")
    ahead = text_of(datetime.now(UTC) + timedelta(hours=2))
    world.execute("UPDATE delivery SET next_attempt_at = :ahead WHERE status = 'unknown'", ahead=ahead)

    assert world.reconcile().counts["sent"] == 1


def test_a_look_that_began_before_the_doubt_began_anew_settles_nothing(world: World) -> None:
    """A late answer, doubtful too, came in between: what was listed before it says nothing."""
    doubt(world, "drop_before_share")
    world.make_looks_due()
    (seen,) = due(world)
    began = look_ups(world).take(seen)
    world.execute("UPDATE delivery SET unknown_since = next_attempt_at WHERE external_id = 'v-1'")

    absent = Decision(Status.PENDING, Verdict.DEFERRED, detail="nothing found")

    assert not look_ups(world).record(seen, absent, began=began)
    assert world.delivery()["status"] == "unknown"


def test_a_removed_connection_looks_nothing_up(world: World) -> None:
    """Its tokens are wiped: what is unknown waits for a person, and is said to."""
    assert readers(world.context.database) == {"acme"}

    world.execute("UPDATE connection SET status = 'removed'")

    assert readers(world.context.database) == set()
