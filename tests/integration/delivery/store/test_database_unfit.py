"""The database turns out unfit amid a run: what no later run finds repaired ends the process, told once."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import push_invites, reconcile_invites
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database.sqlite.mark import is_marked
from worker.errors import DatabaseReplaced, ExitCode, SchemaError
from worker.failpoints import armed
from worker.report import Report
from worker.runs import ResolvedJob, execute
from worker.runs.record import Recorder
from worker.sandbox import Sandbox
from worker.settings import JobSettings

SETTINGS = JobSettings.model_validate({"run": "jobs.push_invites:run", "every": 5})
PUSH = ResolvedJob("push_invites", push_invites.run, {}, exclusive=False, settings=SETTINGS)
RECONCILE = ResolvedJob("reconcile_invites", reconcile_invites.run, {}, exclusive=False, settings=SETTINGS)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Give the events of a test, as they come."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def worker(sqlite_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a worker on an SQLite file, with three invites to send."""
    made = WorkerWithSandbox(sqlite_url, sandbox, WORKER_PUSH__CONCURRENCY="1")
    made.connect()
    for number in range(3):
        made.add(f"v-{number}")
    yield made
    made.context.__exit__(None, None, None)


def path(worker: WorkerWithSandbox) -> Path:
    """Return the path of the worker's database."""
    return Path(str(worker.context.database.url.database))


def restored(worker: WorkerWithSandbox) -> Callable[[], None]:
    """Return what puts a backup of this moment in the place of the file."""
    backup = path(worker).with_name("backup.db")
    with sqlite3.connect(path(worker)) as other:
        other.execute(f"VACUUM INTO '{backup}'")
    other.close()

    def restore() -> None:
        backup.replace(path(worker))
        for end in ("-wal", "-shm"):
            path(worker).with_name(path(worker).name + end).unlink()

    return restore


def told(lines: list[Any], event: str) -> list[dict[str, Any]]:
    """Return the lines of one event."""
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("trigger", ["schedule", "manual"])
def test_a_verdict_in_hand_is_printed_when_the_file_is_replaced(
    trigger: str, worker: WorkerWithSandbox, lines: list[Any]
) -> None:
    """Envoy has answered: the log is the only place that has the id, and nothing else is sent."""
    with armed("after_answer", action=restored(worker)):
        result = execute(worker.context, PUSH, trigger=trigger)

    (unstored,) = told(lines, "invite.unknown")
    assert unstored["error_code"] == "verdict_not_stored"
    assert [unstored["envoy_invite_id"]] == [invite["id"] for invite in worker.sandbox.invites()]
    assert isinstance(result.error, DatabaseReplaced)
    assert worker.context.ended_by is result.error
    assert is_marked(path(worker))


def test_a_file_that_was_replaced_takes_no_claim(worker: WorkerWithSandbox) -> None:
    """Nothing is sent of what the file that is gone says."""
    with armed("before_claim", action=restored(worker)):
        result = execute(worker.context, PUSH, trigger="schedule")

    assert isinstance(result.error, DatabaseReplaced)
    assert worker.sandbox.invites() == []


def test_a_run_that_stores_nothing_notices_that_the_file_was_replaced(worker: WorkerWithSandbox) -> None:
    """An idle service would go on for a minute with a file that nobody else has."""
    recorder = Recorder(worker.context.database)
    restore = restored(worker)
    for _ in range(2):
        assert execute(worker.context, PUSH, trigger="schedule", recorder=recorder).error is None
    restore()
    result = execute(worker.context, PUSH, trigger="schedule", recorder=recorder)

    assert isinstance(result.error, DatabaseReplaced)
    assert worker.context.ended_by is result.error


def test_a_file_that_is_gone_ends_the_process_once(worker: WorkerWithSandbox, lines: list[Any]) -> None:
    """Each run fails with it; the one who runs the service tells it, the runs do not."""
    path(worker).unlink()
    first = execute(worker.context, PUSH, trigger="schedule")
    second = execute(worker.context, RECONCILE, trigger="schedule")

    assert (first.codes, second.codes) == ({ExitCode.SETTINGS}, {ExitCode.SETTINGS})
    assert worker.context.ended_by is first.error
    assert worker.context.stop.is_set()
    assert {line["log_level"] for line in told(lines, "job.failed")} <= {"debug"}  # which may be left out
    assert worker.sandbox.invites() == []


def test_a_run_by_hand_tells_it_as_an_error(worker: WorkerWithSandbox, lines: list[Any]) -> None:
    """With the cure; the process is to end, so that no other job meets the same."""
    path(worker).unlink()
    execute(worker.context, PUSH, trigger="manual")

    (failed,) = told(lines, "job.failed")
    assert failed["log_level"] == "error"
    assert "restore a backup" in failed["hint"]


def test_a_copy_over_the_same_file_is_not_seen(worker: WorkerWithSandbox) -> None:
    """It stays the same file: `docs/operating.md` says so, and that the worker is stopped before."""
    worker.push()
    backup = path(worker).with_name("backup.db")
    shutil.copy(path(worker), backup)
    shutil.copyfile(backup, path(worker))
    execute(worker.context, PUSH, trigger="schedule")

    assert worker.context.ended_by is None


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE delivery RENAME COLUMN lease_until TO lease_until_of_the_next_release",
        "ALTER TABLE delivery RENAME TO delivery_of_the_next_release",
    ],
)
def test_a_schema_that_another_release_has_migrated_ends_the_process(
    change: str, make_worker: MakeWorker, lines: list[Any]
) -> None:
    """It is no bug, and no later run finds it repaired; the line says which release to install."""
    worker = make_worker()
    worker.connect()
    worker.add()
    worker.execute("UPDATE alembic_version SET version_num = '9999'")
    worker.execute(change)
    result = execute(worker.context, PUSH, trigger="schedule")

    assert isinstance(result.error, SchemaError)
    assert "newer than this release" in str(result.error)
    assert worker.context.ended_by is result.error
    assert {line["log_level"] for line in lines} <= {"debug", "info"}


def test_a_table_that_a_job_of_the_caller_s_lacks_ends_nothing(make_worker: MakeWorker) -> None:
    """The schema is this release's: the other jobs go on."""
    worker = make_worker()

    def of_the_caller(context: Any) -> Report:
        with context.database.read() as connection:
            connection.exec_driver_sql("SELECT * FROM not_there")
        return Report()

    job = ResolvedJob("own", of_the_caller, {}, exclusive=False, settings=SETTINGS)
    result = execute(worker.context, job, trigger="schedule")

    assert isinstance(result.error, SchemaError)
    assert worker.context.ended_by is None
