"""Leaving a row in doubt after a restore, with somebody else at it first: who comes second sees it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import worker_rows
from tests.integration.delivery.restored_database import standing, waiting
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.interleaving import overtaken, stored
from tests.waiting import wait_until
from worker.delivery.plan import LookFirst
from worker.delivery.prepare.due_page import due_page
from worker.delivery.recovery.restored import Doubtful, leave_in_doubt

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker with two visits that wait, and are equal as far as anybody can see."""
    for key in ("twin", "v-1"):
        waiting(worker_with_invite, key)
    return worker_with_invite


def planned(worker: WorkerWithSandbox, *keys: str, content_key: str = "same") -> list[Doubtful]:
    """Return what a worker has planned about some visits."""
    page = due_page(
        worker.context.database, "acme", after=None, until=worker.context.database.read_now(), size=100
    ).rows
    plan = LookFirst({"locationId": "1"}, content_key)
    return [(row, plan) for row in page if row.external_id in keys]


CHANGES: list[Callable[[WorkerWithSandbox], None]] = [
    lambda worker: worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'"),
    lambda worker: worker_rows.set_status(worker, "rejected", "v-1"),
    lambda worker: worker_rows.set_delivery(worker, "v-1", fencing_token=7),
    lambda worker: worker_rows.set_delivery(worker, "v-1", envoy_invite_id="7"),
    lambda worker: worker_rows.leave_in_doubt(worker, "a", "twin", content_key="same"),
]


@pytest.mark.parametrize("other", CHANGES)
def test_a_row_that_is_not_as_it_was_planned_is_left_alone(
    worker: WorkerWithSandbox, other: Callable[[WorkerWithSandbox], None]
) -> None:
    """A change, another verdict, another attempt, an id, or its twin in doubt: each alone."""
    rows = planned(worker, "v-1")

    with overtaken(worker.context.database, lambda: other(worker)):
        assert leave_in_doubt(worker.context.database, rows, first_look=5) == []

    before = stored(worker.context.database)
    assert leave_in_doubt(worker.context.database, rows, first_look=5) == []
    assert stored(worker.context.database) == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_row_whose_twin_another_worker_leaves_in_doubt_at_the_same_moment_waits(
    worker: WorkerWithSandbox,
) -> None:
    """The database lets one of them in; what else was planned with it is left in doubt all the same."""
    database = worker.context.database
    waiting(worker, "v-2")
    rows = [*planned(worker, "v-1"), *planned(worker, "v-2", content_key="another")]
    with database.engine.connect() as other, ThreadPoolExecutor(1) as pool:
        worker_rows.leave_in_doubt(worker_rows.In(other), "a", "twin", content_key="same")
        ours = pool.submit(leave_in_doubt, database, rows, first_look=5)
        wait_until(lambda: bool(worker.rows(WAITING)))
        other.commit()
        left = ours.result()

    assert [row.external_id for row, _ in left] == ["v-2"]
    assert (standing(worker)[0], standing(worker, "v-2")) == ("pending", ("unknown", "restored"))
