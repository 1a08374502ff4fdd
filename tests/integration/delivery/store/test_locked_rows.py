"""A caller's open transaction keeps its own rows, and nobody else's; on PostgreSQL, where rows are locked."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.integration.delivery.doubtful_creates import WITHOUT_READING, doubt
from tests.integration.delivery.interrupted_attempts import DEAD, interrupt
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Sandbox


@pytest.fixture
def worker(postgresql_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a connected worker on PostgreSQL, whose customer lets us read invites."""
    scopes = ", ".join(f'"{scope}"' for scope in (*WITHOUT_READING, "invites.read"))
    made = WorkerWithSandbox(postgresql_url, sandbox, WORKER_ENVOY__SCOPES=f"[{scopes}]")
    made.connect()
    yield made
    made.context.__exit__(None, None, None)


@contextmanager
def changing(worker: WorkerWithSandbox, external_id: str) -> Iterator[None]:
    """Keep a transaction open that has changed an invite."""
    with worker.context.database.engine.connect() as caller, caller.begin():
        statement = sa.text("UPDATE invite SET notes = 'x' WHERE external_id = :key")
        caller.execute(statement, {"key": external_id})
        yield


def test_a_locked_row_is_passed_over_by_a_push(worker: WorkerWithSandbox) -> None:
    """It is not even finished; the others are."""
    for name in ("v-1", "v-2"):
        worker.add(name, location="Nowhere")

    with changing(worker, "v-1"):
        assert worker.push().counts["rejected"] == 1

        assert worker.delivery("v-2")["status"] == "rejected"


def test_a_locked_row_is_claimed_by_nobody_and_stops_no_other(worker: WorkerWithSandbox) -> None:
    """The senders that come by take the next one, and nobody waits for the caller."""
    for name in ("v-1", "v-2", "v-3"):
        worker.add(name)

    with changing(worker, "v-1"):
        assert worker.push().counts["sent"] == 2

        assert worker.attempts()[0]["delivery_id"] != worker.delivery("v-1")["id"]
    assert worker.push().counts["sent"] == 1


def test_a_locked_row_of_a_dead_worker_stops_no_push(worker: WorkerWithSandbox) -> None:
    """What a crash left behind is put right later; what is due is sent now."""
    worker.add("v-1")
    interrupt(worker, "create", owner=DEAD, lease_seconds=60)
    worker.add("v-2", invitee_name="Another")

    with changing(worker, "v-1"):
        assert worker.push().counts["sent"] == 1
    worker.push()

    assert worker.delivery("v-1")["status"] == "unknown"


def test_a_locked_doubt_stops_no_other_look(worker: WorkerWithSandbox) -> None:
    """It is looked up later, the others now."""
    for name in ("v-1", "v-2"):
        doubt(worker, "drop_after_share", external_id=name, invitee_name=f"Visitor {name}")
    worker.make_looks_due()

    with changing(worker, "v-1"):
        assert worker.reconcile().counts["sent"] == 1
    worker.make_looks_due()

    assert worker.delivery("v-2")["status"] == "sent"
    assert worker.reconcile().counts["sent"] == 1
