"""Remember runs: the last one of each job, and in full those that did something."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.database import Database
from worker.database.repeating import repeated
from worker.runs.lease import register
from worker.runs.model import Job, JobRun

JOBS = SQLModel.metadata.tables[str(Job.__tablename__)]
RUNS = SQLModel.metadata.tables[str(JobRun.__tablename__)]

DONE = "done"
FAILED = "failed"
DELETED_AT_ONCE = 500


@repeated
def record(
    database: Database,
    *,
    job: str,
    run_id: str,
    trigger: str,
    started_at: datetime,
    result: str,
    counts: dict[str, int],
    next_run_at: datetime | None,
) -> None:
    """Store one finished run; a run that did nothing leaves no row of its own."""
    latest: dict[str, Any] = {"last_run_at": started_at, "last_result": result}
    if next_run_at is not None:
        latest["next_run_at"] = next_run_at
    with database.write() as connection:
        update = sa.update(JOBS).where(JOBS.c.name == job).values(**latest)
        if not connection.execute(update).rowcount:
            register(connection, job)
            connection.execute(update)
        if any(counts.values()) or result == FAILED:
            connection.execute(
                sa.insert(RUNS).values(
                    id=run_id,
                    job=job,
                    trigger=trigger,
                    started_at=started_at,
                    finished_at=database.now(),
                    result=result,
                    counts=counts,
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
    """Say whether any run had ended by then."""
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
