"""Remember runs: the last one of each job, and in full those that did something."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.clock import boot_clock
from worker.database import Database
from worker.database.repeating import repeated
from worker.runs.lease import register
from worker.runs.model import JOBS, RUNS

DONE = "done"
FAILED = "failed"
DELETED_AT_ONCE = 500
QUIET_SECONDS = 60.0  # `status` may show a last run that is so much older


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended, after so many *seconds*."""

    job: str
    run_id: str
    trigger: str
    seconds: float
    result: str
    counts: Mapping[str, int]
    next_run_at: datetime | None

    @property
    def did_something(self) -> bool:
        """Whether anybody may ask for it later."""
        return any(self.counts.values()) or self.result == FAILED


class Recorder:
    """Stores what one process has run: of the runs that do nothing, one a minute.

    Each is a commit, for which a disk has to be waited; a job that has nothing to do runs every few seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = boot_clock) -> None:
        """Know of no run."""
        self._database = database
        self._clock = clock
        self._stored_at: dict[str, float] = {}  # of each job whose last run that was stored went well

    def record(self, run: Ended) -> None:
        """Store a run, unless it did nothing and the one before is stored.

        Raises:
            WorkerError: the database does not take it, or is another one by now.
        """
        now = self._clock()
        before = self._stored_at.get(run.job)
        is_quiet = not run.did_something and before is not None and now - before < QUIET_SECONDS
        # After a trouble only a write shows that it is over, which an operator waits to be told.
        if is_quiet and not self._database.troubles.are_open:
            self._database.require_same_file()  # which a write would tell
            return
        self._stored_at.pop(run.job, None)
        _store(self._database, run)
        if run.result == DONE:
            self._stored_at[run.job] = now


@repeated
def _store(database: Database, run: Ended) -> None:
    """Store a run; one that did nothing leaves no row of its own."""
    started_at = database.later(-run.seconds)
    latest: dict[str, Any] = {"last_run_at": started_at, "last_result": run.result}
    if run.next_run_at is not None:
        latest["next_run_at"] = run.next_run_at
    with database.write() as connection:
        update = sa.update(JOBS).where(JOBS.c.name == run.job).values(**latest)
        if not connection.execute(update).rowcount:
            register(connection, run.job)
            connection.execute(update)
        if run.did_something:
            connection.execute(
                sa.insert(RUNS).values(
                    id=run.run_id,
                    job=run.job,
                    trigger=run.trigger,
                    started_at=started_at,
                    finished_at=database.now(),
                    result=run.result,
                    counts=dict(run.counts),
                )
            )


@repeated
def plan(database: Database, due: Mapping[str, datetime]) -> None:
    """Store when jobs run next: what a run before has stored may come from a clock that was wrong."""
    with database.write() as connection:
        for job, moment in due.items():
            update = sa.update(JOBS).where(JOBS.c.name == job).values(next_run_at=moment)
            if not connection.execute(update).rowcount:
                register(connection, job)
                connection.execute(update)


def any_old(database: Database, *, before: datetime) -> bool:
    """Return whether any run had ended by then."""
    with database.read() as connection:
        query = sa.select(RUNS.c.id).where(RUNS.c.finished_at < before).limit(1)
        return connection.execute(query).first() is not None


def count_old(database: Database, *, before: datetime) -> int:
    """Return how many runs had ended by then."""
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).where(RUNS.c.finished_at < before)).scalar_one()


def delete_old(database: Database, *, before: datetime, most: int | None, more: Callable[[], bool]) -> int:
    """Delete *most* of the runs that had ended by then, while *more* says so; return how many."""
    deleted = 0
    old = sa.select(RUNS.c.id).where(RUNS.c.finished_at < before)
    while more() and (most is None or deleted < most):
        page = old.limit(DELETED_AT_ONCE if most is None else min(DELETED_AT_ONCE, most - deleted))
        with database.read() as connection:
            ids = connection.execute(page).scalars().all()
        if not ids:
            break
        deleted += _delete(database, ids)
    return deleted


@repeated
def _delete(database: Database, ids: Sequence[str]) -> int:
    with database.write() as connection:
        return connection.execute(sa.delete(RUNS).where(RUNS.c.id.in_(ids))).rowcount
