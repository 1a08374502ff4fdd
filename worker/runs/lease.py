"""One place at a time: a job's stored lease, free again at once when its owner is dead."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from worker.database import Database
from worker.database.ahead import has_ended
from worker.database.owner import is_dead, this_process
from worker.database.repeating import repeated
from worker.runs.model import JOBS

LEASE_SECONDS = 900.0


@contextmanager
def job_lease(database: Database, job: str) -> Iterator[bool]:
    """Hold the job's lease while the block runs; give False where another process has it."""
    owner = f"{this_process()}/{uuid.uuid4().hex[:8]}"
    taken = _take(database, job, owner)
    try:
        yield taken
    finally:
        if taken:
            _release(database, job, owner)


@repeated
def _take(database: Database, job: str, owner: str) -> bool:
    with database.write() as connection:
        present = connection.execute(sa.select(JOBS.c.lease_owner).where(JOBS.c.name == job)).one_or_none()
        if present is None:
            register(connection, job)
        holder = present.lease_owner if present else None
        dead = holder is not None and is_dead(holder.rpartition("/")[0])
        free = sa.or_(
            JOBS.c.lease_owner.is_(None),
            has_ended(database, JOBS.c.lease_until, LEASE_SECONDS),
            JOBS.c.lease_owner == (holder if dead else None),
        )
        statement = (
            sa.update(JOBS)
            .where(JOBS.c.name == job, free)
            .values(lease_owner=owner, lease_until=database.later(LEASE_SECONDS))
        )
        return bool(connection.execute(statement).rowcount)


def register(connection: sa.Connection, job: str) -> None:
    """Make the job's row; another process may do so at the same moment."""
    there = sa.exists().where(JOBS.c.name == job)
    with connection.begin_nested() as savepoint:
        try:
            connection.execute(
                sa.insert(JOBS).from_select(["name"], sa.select(sa.literal(job)).where(~there))
            )
        except sa.exc.IntegrityError:
            savepoint.rollback()


@repeated
def _release(database: Database, job: str, owner: str) -> None:
    with database.write() as connection:
        connection.execute(
            sa.update(JOBS)
            .where(JOBS.c.name == job, JOBS.c.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
        )
