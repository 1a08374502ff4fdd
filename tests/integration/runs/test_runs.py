"""A run: its lease, its record, its errors."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.runs.recorded_runs import counting, rows
from worker.context import Context
from worker.database import Database
from worker.database.owner import this_process
from worker.errors import DatabaseConflict, DatabaseUnreachable, DiskFull, ExitCode, TryLater, WorkerError
from worker.report import Report, first_that_applies
from worker.runs import ResolvedJob, RunContext, execute
from worker.runs.lease import job_lease
from worker.settings import JobSettings, Secrets
from worker.settings.loading import build


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """Give a process's parts on a fresh database."""
    env = {"DATABASE_URL": database_url}
    with Context(build({}, env), Secrets(env), env) as made:
        yield made


def job(function: Any, *, exclusive: bool = True) -> ResolvedJob:
    """Return a job that runs *function*."""
    settings = JobSettings.model_validate({"run": "jobs.x:run", "every": 5})
    return ResolvedJob("x", function, {}, exclusive, settings)


def test_a_run_that_did_something_is_recorded(context: Context) -> None:
    """Its counts, its trigger and the job's last and next run are stored."""
    soon = datetime(2030, 1, 1, tzinfo=UTC)

    result = execute(context, job(counting(sent=3)), trigger="manual", next_run_at=soon)

    (run,) = rows(context, "job_run")
    (stored,) = rows(context, "job")
    assert result.error is None
    assert (run["job"], run["trigger"], run["result"]) == ("x", "manual", "done")
    assert stored["last_result"] == "done"
    assert stored["lease_owner"] is None


def test_a_run_that_did_nothing_leaves_no_row(context: Context) -> None:
    """Only the job's last run is noted."""
    execute(context, job(counting(sent=0)), trigger="schedule")

    assert rows(context, "job_run") == []
    assert len(rows(context, "job")) == 1


def test_a_typed_error_is_returned_with_its_code(context: Context) -> None:
    """A job that cannot go on ends its run, not the process."""

    def run(_context: RunContext) -> Report:
        raise TryLater("not now")

    assert execute(context, job(run), trigger="manual").codes == {ExitCode.TRY_LATER}
    assert rows(context, "job")[0]["last_result"] == "failed"


@pytest.mark.parametrize("error", [DatabaseUnreachable, DiskFull])
@pytest.mark.parametrize(("trigger", "level"), [("schedule", "debug"), ("manual", "error")])
def test_what_every_scheduled_run_meets_is_told_elsewhere(
    context: Context, error: type[WorkerError], trigger: str, level: str
) -> None:
    """The database tells of its trouble once; only a pass by hand says what ended it."""

    def run(_context: RunContext) -> Report:
        raise error("not now", hint="repair it")

    with capture_logs() as lines:
        execute(context, job(run), trigger=trigger)

    (failed,) = [line for line in lines if line["event"] == "job.failed"]
    assert (failed["log_level"], failed["hint"]) == (level, "repair it")


def test_a_conflict_without_end_is_of_one_run_and_told(context: Context) -> None:
    """The next run need not meet it, and nobody else tells of it."""

    def run(_context: RunContext) -> Report:
        raise DatabaseConflict("again and again", hint="find it")

    with capture_logs() as lines:
        execute(context, job(run), trigger="schedule")

    (line,) = [line for line in lines if line["event"] == "job.failed"]
    assert (line["log_level"], line["hint"]) == ("error", "find it")


def test_a_bug_in_a_job_is_exit_code_1(context: Context) -> None:
    """An unexpected exception is told apart from what is foreseen."""

    def run(_context: RunContext) -> Report:
        raise ZeroDivisionError

    result = execute(context, job(run), trigger="manual")

    assert result.codes == {ExitCode.UNEXPECTED}
    assert rows(context, "job")[0]["lease_owner"] is None


def test_first_runs_at_the_same_moment_are_all_recorded(context: Context) -> None:
    """Several workers start on a new database, none fails because another noted the job first."""
    together = threading.Barrier(8)

    def run(_context: RunContext) -> Report:
        together.wait()
        return Report()

    once = job(run, exclusive=False)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: execute(context, once, trigger="schedule"), range(8)))

    assert [result.error for result in results] == [None] * 8
    assert len(rows(context, "job")) == 1


def test_an_exclusive_job_runs_in_one_place(context: Context) -> None:
    """While its lease is held it is not run again; a job that is not exclusive is."""
    with job_lease(context.database, "x") as ours:
        assert ours
        assert execute(context, job(counting()), trigger="manual").ran_elsewhere
        assert not execute(context, job(counting(), exclusive=False), trigger="manual").ran_elsewhere

    assert not execute(context, job(counting()), trigger="manual").ran_elsewhere


def test_the_lease_of_a_dead_process_is_free_at_once(context: Context) -> None:
    """Nobody waits a quarter of an hour for a process that was killed."""
    dead = this_process().rpartition("/")[0] + "/1/abc"
    at = worker_rows.At(context.database)
    worker_rows.add_job(at, "x", lease_owner=dead, lease_until="2031-01-01T00:00:00.000Z")

    with job_lease(context.database, "x") as ours:
        assert ours


def _try_lease(url: str, results: Any, go: Any, done: Any) -> None:
    database = Database(url)
    go.wait()
    with job_lease(database, "x") as ours:
        results.put(ours)
        done.wait()


def test_of_several_processes_one_gets_the_lease(database_url: str) -> None:
    """They all ask at the same moment, on a job that has no row yet."""
    spawn = multiprocessing.get_context("spawn")
    results, go, done = spawn.Queue(), spawn.Event(), spawn.Event()
    workers = [spawn.Process(target=_try_lease, args=(database_url, results, go, done)) for _ in range(4)]
    for worker in workers:
        worker.start()
    go.set()
    got = [results.get(timeout=60) for _ in workers]
    done.set()
    for worker in workers:
        worker.join(60)

    assert sorted(got) == [False, False, False, True]


def test_the_first_exit_code_that_applies_is_taken() -> None:
    """Wrong settings go before an unreachable Envoy, and that before a rejected row."""
    assert first_that_applies([]) is ExitCode.DONE
    assert first_that_applies([ExitCode.TRY_LATER, ExitCode.REJECTED]) is ExitCode.REJECTED
    assert first_that_applies([ExitCode.REJECTED, ExitCode.UNREACHABLE]) is ExitCode.UNREACHABLE
    assert first_that_applies([ExitCode.UNREACHABLE, ExitCode.SETTINGS]) is ExitCode.SETTINGS
