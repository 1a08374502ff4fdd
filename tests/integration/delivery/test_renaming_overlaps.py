"""A rename and a claim whose transactions overlap, as they can on PostgreSQL only."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.clock import boot_clock
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.invites import Kind
from worker.sandbox import Sandbox

RENAME = sa.text("UPDATE invite SET external_id = 'v-9' WHERE external_id = 'v-1'")
WAITING = "SELECT count(*) AS number FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
def postgresql_worker(postgresql_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a connected worker on PostgreSQL, with two invites of equal content."""
    worker = WorkerWithSandbox(postgresql_url, sandbox)
    worker.connect()
    worker.add("v-1")
    worker.add("twin")
    yield worker
    worker.context.__exit__(None, None, None)


def claim(worker: WorkerWithSandbox) -> Claim | None:
    """Claim the first invite, as a sender does."""
    database = worker.context.database
    row = due_page(database, "acme", after=None, until=datetime.now(UTC), size=9).rows[0]
    claims = Claims(
        database, worker.context.journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    )
    return claims.take(row, Call(Kind.CREATE, content_key="same"), "a-1")


def waiting(worker: WorkerWithSandbox, number: int) -> None:
    """Wait until so many transactions wait for a lock."""
    wait_until(lambda: worker.rows(WAITING) == [{"number": number}])


def race(worker: WorkerWithSandbox, *, twin: str) -> tuple[Future[Claim | None], Future[None]]:
    """Begin a claim, then a rename while the claim has its row and is not committed; return both, ended.

    What keeps the claim waiting is a twin that is just going into doubt; that comes to *twin*.
    """
    with ThreadPoolExecutor(2) as pool, worker.context.database.engine.connect() as third:
        transaction = third.begin()
        worker_rows.leave_in_doubt(worker_rows.In(third), "a-0", "twin", content_key="same")
        claimed = pool.submit(claim, worker)
        waiting(worker, 1)
        renamed = pool.submit(worker.execute, RENAME.text)
        waiting(worker, 2)
        getattr(transaction, twin)()
    return claimed, renamed


def test_a_claim_passes_over_a_rename_that_is_not_committed(postgresql_worker: WorkerWithSandbox) -> None:
    """It neither waits for the caller nor sends under the old key; afterwards the row goes out once."""
    worker = postgresql_worker
    worker.execute("DELETE FROM invite WHERE external_id = 'twin'")
    with worker.context.database.engine.connect() as caller, caller.begin():
        caller.execute(RENAME)

        worker.push()
        assert worker.attempts() == worker.sandbox.invites() == []

    worker.push()

    (attempt,) = worker.attempts()
    assert worker.delivery("v-9")["id"] == attempt["delivery_id"]
    assert [create["request_id"] for create in worker.sandbox.ledger()["creates"]] == [attempt["id"]]
    assert len(worker.rows("SELECT 1 FROM delivery")) == 1


def test_a_rename_waits_for_a_claim_and_is_refused_once_that_commits(
    postgresql_worker: WorkerWithSandbox,
) -> None:
    """The trigger locks the delivery before it looks whether it was ever tried."""
    claimed, renamed = race(postgresql_worker, twin="rollback")

    assert claimed.result() is not None
    with pytest.raises(sa.exc.IntegrityError, match="instead of renaming it"):
        renamed.result()
    assert postgresql_worker.delivery("v-1")["status"] == "sending"
    assert {row["external_id"] for row in postgresql_worker.rows("SELECT * FROM invite")} == {"v-1", "twin"}


def test_a_rename_waits_for_a_claim_and_is_done_where_that_comes_to_nothing(
    postgresql_worker: WorkerWithSandbox,
) -> None:
    """A claim that fails at its commit has left no trace: the invite may have another key."""
    claimed, renamed = race(postgresql_worker, twin="commit")

    assert claimed.result() is None
    renamed.result()
    assert postgresql_worker.delivery("v-9")["status"] == "pending"
    assert postgresql_worker.attempts() == []
