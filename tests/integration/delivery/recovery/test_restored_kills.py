"""After a restore a worker dies at each step in turn: no visit is created twice, and none is lost."""

from collections.abc import Iterator

import pytest

from tests import worker_rows
from tests.integration.delivery.two_workers import LEASE_SECONDS, TwoWorkers, visitor

PUSHING = (
    "before_restored", "after_restored", "before_claim", "after_intent", "before_connect",
    "after_bytes_written", "after_envoy_committed", "after_answer", "before_verdict_commit",
    "after_verdict_commit",
)  # fmt: skip
LOOKING = ("before_look_up", "after_look_up", "after_look_up_commit")


@pytest.fixture
def two_workers(database_url: str) -> Iterator[TwoWorkers]:
    """Give two workers, and a customer who lets us read invites, one of which is known to be there."""
    made = TwoWorkers(database_url, reading=True)
    made.add()
    made.worker.push()
    yield made
    made.close()


def restore(two_workers: TwoWorkers, key: str) -> None:
    """Take one visit back to before it was sent; the customer authorises again."""
    worker_rows.forget_that_it_was_tried(two_workers.worker, key)
    two_workers.worker.begin_restored()
    two_workers.worker.connect()


def end_well(two_workers: TwoWorkers) -> None:
    """Let the other worker go on until nothing is left, and a person be asked for nothing."""
    for _ in range(12):
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["B"].push()
        two_workers.workers["B"].reconcile()
        if not two_workers.worker.rows("SELECT 1 FROM delivery WHERE status <> 'sent'"):
            return
    raise AssertionError(two_workers.worker.rows("SELECT external_id, status, error_code FROM delivery"))


def test_a_kill_at_any_step_makes_no_visit_twice(two_workers: TwoWorkers) -> None:
    """One visit was sent after the backup, and one was never sent; both are looked up, and are there once."""
    worker = two_workers.workers["A"]
    for place in (*PUSHING, *LOOKING):
        since = two_workers.add()
        worker.push()
        waiting = two_workers.add()
        restore(two_workers, since)
        for _ in range(4):  # left in doubt, looked up twice, sent
            two_workers.pass_time(2 * LEASE_SECONDS)
            two_workers.crash(worker.push, place, 1)
            two_workers.crash(worker.reconcile, place, 1)
        end_well(two_workers)
        made = [one["name"] for one in two_workers.sandbox.ledger()["creates"]]
        assert [made.count(visitor(key)) for key in (since, waiting)] == [1, 1], place
