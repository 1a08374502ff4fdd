"""A rename and a claim whose transactions overlap, as they can on PostgreSQL only."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tests.integration.delivery.world import World
from tests.waiting import wait_until
from worker.clock import boot_clock
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.invites import Kind
from worker.sandbox import Sandbox

RENAME = sa.text("UPDATE invite SET external_id = 'v-9' WHERE external_id = 'v-1'")
TWIN_IN_DOUBT = sa.text(
    "UPDATE delivery SET status = 'unknown', attempt_id = 'a-0', content_key = 'same'"
    " WHERE external_id = 'twin'"
)
WAITING = "SELECT count(*) AS number FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
def postgresql_world(postgresql_url: str, sandbox: Sandbox) -> Iterator[World]:
    """Give a connected world on PostgreSQL, with two invites of equal content."""
    world = World(postgresql_url, sandbox)
    world.connect()
    world.add("v-1")
    world.add("twin")
    yield world
    world.context.__exit__(None, None, None)


def claim(world: World) -> Claim | None:
    """Claim the first invite, as a sender does."""
    database = world.context.database
    row = due_page(database, "acme", after=None, until=datetime.now(UTC), size=9).rows[0]
    claims = Claims(
        database, world.context.journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    )
    return claims.take(row, Call(Kind.CREATE, content_key="same"), "a-1")


def waiting(world: World, number: int) -> None:
    """Wait until so many transactions wait for a lock."""
    wait_until(lambda: world.rows(WAITING) == [{"number": number}])


def race(world: World, *, twin: str) -> tuple[Future[Claim | None], Future[None]]:
    """Begin a claim, then a rename while the claim has its row and is not committed; return both, ended.

    What keeps the claim waiting is a twin that is just going into doubt; that comes to *twin*.
    """
    with ThreadPoolExecutor(2) as pool, world.context.database.engine.connect() as third:
        transaction = third.begin()
        third.execute(TWIN_IN_DOUBT)
        claimed = pool.submit(claim, world)
        waiting(world, 1)
        renamed = pool.submit(world.execute, RENAME.text)
        waiting(world, 2)
        getattr(transaction, twin)()
    return claimed, renamed


def test_a_claim_passes_over_a_rename_that_is_not_committed(postgresql_world: World) -> None:
    """It neither waits for the caller nor sends under the old key; afterwards the row goes out once."""
    world = postgresql_world
    world.execute("DELETE FROM invite WHERE external_id = 'twin'")
    with world.context.database.engine.connect() as caller, caller.begin():
        caller.execute(RENAME)

        world.push()
        assert world.attempts() == world.sandbox.invites() == []

    world.push()

    (attempt,) = world.attempts()
    assert world.delivery("v-9")["id"] == attempt["delivery_id"]
    assert [create["request_id"] for create in world.sandbox.ledger()["creates"]] == [attempt["id"]]
    assert len(world.rows("SELECT 1 FROM delivery")) == 1


def test_a_rename_waits_for_a_claim_and_is_refused_once_that_commits(postgresql_world: World) -> None:
    """The trigger locks the delivery before it looks whether it was ever tried."""
    claimed, renamed = race(postgresql_world, twin="rollback")

    assert claimed.result() is not None
    with pytest.raises(sa.exc.IntegrityError, match="instead of renaming it"):
        renamed.result()
    assert postgresql_world.delivery("v-1")["status"] == "sending"
    assert {row["external_id"] for row in postgresql_world.rows("SELECT * FROM invite")} == {"v-1", "twin"}


def test_a_rename_waits_for_a_claim_and_is_done_where_that_comes_to_nothing(postgresql_world: World) -> None:
    """A claim that fails at its commit has left no trace: the invite may have another key."""
    claimed, renamed = race(postgresql_world, twin="commit")

    assert claimed.result() is None
    renamed.result()
    assert postgresql_world.delivery("v-9")["status"] == "pending"
    assert postgresql_world.attempts() == []
