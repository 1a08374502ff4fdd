"""Leaving a row in doubt after a restore, with somebody else at it first: who comes second sees it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from tests.integration.delivery.restoring import standing, waiting
from tests.integration.delivery.world import World
from tests.interleaving import overtaken, stored
from tests.waiting import wait_until
from worker.delivery.plan import LookFirst
from worker.delivery.prepare.due_page import due_page
from worker.delivery.recovery.restored import Doubtful, leave_in_doubt

IN_DOUBT = (
    "UPDATE delivery SET status = 'unknown', attempt_id = 'a', fencing_token = 1, content_key = 'same'"
    " WHERE external_id = 'twin'"
)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world with two visits that wait, and are equal as far as anybody can see."""
    for key in ("twin", "v-1"):
        waiting(known_world, key)
    return known_world


def planned(world: World, *keys: str, content_key: str = "same") -> list[Doubtful]:
    """Return what a worker has planned about some visits."""
    page = due_page(
        world.context.database, "acme", after=None, until=world.context.database.read_now(), size=100
    ).rows
    plan = LookFirst({"locationId": "1"}, content_key)
    return [(row, plan) for row in page if row.external_id in keys]


CHANGES: list[Callable[[World], None]] = [
    lambda world: world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'"),
    lambda world: world.execute("UPDATE delivery SET status = 'rejected' WHERE external_id = 'v-1'"),
    lambda world: world.execute("UPDATE delivery SET fencing_token = 7 WHERE external_id = 'v-1'"),
    lambda world: world.execute("UPDATE delivery SET envoy_invite_id = '7' WHERE external_id = 'v-1'"),
    lambda world: world.execute(IN_DOUBT),
]


@pytest.mark.parametrize("other", CHANGES)
def test_a_row_that_is_not_as_it_was_planned_is_left_alone(
    world: World, other: Callable[[World], None]
) -> None:
    """A change, another verdict, another attempt, an id, or its twin in doubt: each alone."""
    rows = planned(world, "v-1")

    with overtaken(world.context.database, lambda: other(world)):
        assert leave_in_doubt(world.context.database, rows, first_look=5) == []

    before = stored(world.context.database)
    assert leave_in_doubt(world.context.database, rows, first_look=5) == []
    assert stored(world.context.database) == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_row_whose_twin_another_worker_leaves_in_doubt_at_the_same_moment_waits(world: World) -> None:
    """The database lets one of them in; what else was planned with it is left in doubt all the same."""
    database = world.context.database
    waiting(world, "v-2")
    rows = [*planned(world, "v-1"), *planned(world, "v-2", content_key="another")]
    with database.engine.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute(sa.text(IN_DOUBT))
        ours = pool.submit(leave_in_doubt, database, rows, first_look=5)
        wait_until(lambda: bool(world.rows(WAITING)))
        other.commit()
        left = ours.result()

    assert [row.external_id for row, _ in left] == ["v-2"]
    assert (standing(world)[0], standing(world, "v-2")) == ("pending", ("unknown", "restored"))
