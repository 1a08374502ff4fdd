"""Runs that do nothing: they are stored once a minute, and commit nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import push_invites, reconcile_invites
from tests import worker_rows
from tests.integration.runs.recorded_runs import counting, rows
from worker.connections.vault import new_key
from worker.context import Context
from worker.database import Database
from worker.errors import DatabaseUnreachable, TryLater
from worker.report import Report
from worker.runs import ResolvedJob, RunContext, execute
from worker.runs.record import QUIET_SECONDS, Recorder
from worker.settings import JobSettings, Secrets
from worker.settings.loading import build


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """Give a process's parts on a fresh database."""
    env = {
        "DATABASE_URL": database_url,
        "ENVOY_CLIENT_ID": "client",
        "ENVOY_CLIENT_SECRET": "secret",
        "WORKER_ENCRYPTION_KEYS": new_key(),
    }
    with Context(build({}, env), Secrets(env), env) as made:
        yield made


class Recording:
    """A process whose clock is turned by hand."""

    def __init__(self, context: Context) -> None:
        """Begin."""
        self._context = context
        self.time = 1000.0
        self._recorder = Recorder(context.database, lambda: self.time)

    def run(self, function: Any) -> None:
        """Run a job by schedule."""
        settings = JobSettings.model_validate({"run": "jobs.x:run", "every": 5})
        job = ResolvedJob("x", function, {}, exclusive=False, settings=settings)
        execute(self._context, job, trigger="schedule", recorder=self._recorder)

    def is_stored(self) -> bool:
        """Return whether a run was stored since this was asked last."""
        found = rows(self._context, "job")
        worker_rows.set_jobs(worker_rows.At(self._context.database), last_run_at=None)
        return any(row["last_run_at"] for row in found)


def failing(_context: RunContext) -> Report:
    """End early."""
    raise TryLater("not now")


def test_one_a_minute_is_stored(context: Context) -> None:
    """By a clock that nobody sets."""
    process = Recording(context)
    stored = []
    for _ in range(3):
        process.run(counting(sent=0))
        stored.append(process.is_stored())
        process.time += QUIET_SECONDS / 2

    assert stored == [True, False, True]
    assert rows(context, "job_run") == []


def test_what_did_something_and_what_failed_is_stored_at_once(context: Context) -> None:
    """And so is the first run that does not fail any more."""
    process = Recording(context)
    stored = []
    for function in (counting(), counting(sent=1), counting(), failing, failing, counting(), counting()):
        process.run(function)
        stored.append(process.is_stored())

    assert stored == [True, True, False, True, True, True, False]
    assert [row["result"] for row in rows(context, "job_run")].count("failed") == 2


def test_the_end_of_a_trouble_is_shown_by_the_next_run_that_did_nothing(context: Context) -> None:
    """Only a write shows it, and a database that is idle afterwards gets none else for a minute."""
    process = Recording(context)
    process.run(counting())
    process.is_stored()
    with suppress(DatabaseUnreachable), context.database.write():
        raise sa.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error"))

    process.run(counting())

    assert process.is_stored()


def test_a_pass_by_hand_is_always_stored(context: Context) -> None:
    """An operator who has just run it sees it in `status`."""
    process = Recording(context)
    process.run(counting())
    assert process.is_stored()
    settings = JobSettings.model_validate({"run": "jobs.x:run", "every": 5})
    execute(context, ResolvedJob("x", counting(), {}, exclusive=False, settings=settings), trigger="manual")

    assert process.is_stored()


def commits(database: Database) -> int:
    """Return a number that each commit raises, and no reader does."""
    query = (
        "PRAGMA data_version"
        if database.is_sqlite
        else "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
    )
    with database.read() as connection:
        return int(connection.execute(sa.text(query.replace("::", "\\:\\:"))).scalar_one())


def test_idle_runs_commit_nothing(context: Context, database: Database) -> None:
    """A disk is not synced to say that nothing has happened."""
    process = Recording(context)
    idle = (push_invites.run, reconcile_invites.run)
    for function in idle:
        process.run(function)
    before = commits(database)
    for function in idle * 3:
        process.run(function)

    assert commits(database) == before
