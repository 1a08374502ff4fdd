"""A whole worker behind a pooler in transaction mode: everything works, and nothing stays there."""

import io
import json
from collections.abc import Iterator

import psycopg
import pytest

from tests import pgbouncer, worker_rows
from tests.integration.delivery.conftest import READING_SCOPES
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.postgresql import with_name
from worker.database import Database, schema
from worker.failpoints import armed
from worker.intake import import_file
from worker.sandbox import Sandbox

HEAD = "connection,external_id,invitee_name,location,expected_arrival_at\n"
NUMBER = 40
DEFAULTS = "SELECT name, setting FROM pg_settings WHERE source = 'session'"


@pytest.fixture
def pooled_worker(pooled_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a worker behind the pooler, with more senders than the pooler has connections."""
    scopes = json.dumps(READING_SCOPES)
    made = WorkerWithSandbox(pooled_url, sandbox, WORKER_PUSH__CONCURRENCY="8", WORKER_ENVOY__SCOPES=scopes)
    made.connect()
    yield made
    made.context.__exit__(None, None, None)


def hand_in(worker: WorkerWithSandbox, name: str) -> None:
    """Import a file of visits."""
    lines = (f"acme,v-{number},{name} {number},Berlin,2035-01-01T09:00Z\n" for number in range(NUMBER))
    stream = io.BytesIO((HEAD + "".join(lines)).encode())
    problems: list[object] = []
    import_file(
        worker.context.database,
        stream,
        name="v.csv",
        connection=None,
        dry_run=False,
        on_problem=problems.append,
    )
    assert problems == []


def test_imports_runs_verdicts_and_look_ups_work(pooled_worker: WorkerWithSandbox, pooled_url: str) -> None:
    """Statements that are used again and again are understood by whatever connection they meet."""
    worker = pooled_worker
    hand_in(worker, "Ada")
    with armed("after_answer", nth=7, action=lambda: worker.execute("SELECT pg_advisory_xact_lock(1)")):
        first = worker.push()
    hand_in(worker, "Bea")
    second = worker.push()

    assert (first.counts["sent"], second.counts["updated"]) == (NUMBER, NUMBER)
    assert worker.sandbox.ledger()["duplicates"] == []
    assert worker.rows("SELECT DISTINCT status FROM delivery") == [{"status": "sent"}]
    with psycopg.connect(pooled_url) as other:
        assert other.execute(DEFAULTS).fetchall() == []


def test_a_doubtful_create_is_settled(pooled_worker: WorkerWithSandbox) -> None:
    """As it is without a pooler: it is found in Envoy, and not made again."""
    worker = pooled_worker
    worker.add()

    def lose_the_answer() -> None:
        raise OSError

    with armed("after_answer", action=lose_the_answer), pytest.raises(OSError):  # noqa: PT011 -- it is ours
        worker.push()
    worker_rows.abandon_attempt(worker)
    worker.push()
    worker.make_looks_due()
    worker.reconcile()

    assert worker.delivery()["status"] == "sent"
    assert len(worker.sandbox.ledger()["creates"]) == 1


def test_a_database_is_made_and_migrated_behind_a_pooler(pooler: str, postgresql_server: str) -> None:
    """Two releases at once migrate one after the other, as they do without one."""
    name = "behind_a_pooler"
    with psycopg.connect(postgresql_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        database = Database(pgbouncer.through(pooler, with_name(postgresql_server, name)))
        before, after = schema.upgrade(database)
        again = schema.upgrade(database)
        database.dispose()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    assert before is None
    assert again == (after, after)
