"""How the jobs stand: when each last ran, with what result, and when it runs next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worker.database import Database
from worker.runs.model import JOBS


@dataclass(frozen=True, slots=True)
class JobStanding:
    """One job; all is None if it never ran, ``next_run_at`` also where only a person runs it."""

    last_run_at: datetime | None = None
    last_result: str | None = None
    next_run_at: datetime | None = None


def standing(database: Database, names: Iterable[str]) -> dict[str, JobStanding]:
    """Return how the jobs of these names stand, in the same order."""
    query = sa.select(JOBS.c.name, JOBS.c.last_run_at, JOBS.c.last_result, JOBS.c.next_run_at)
    with database.read() as connection:
        stored = {name: JobStanding(*rest) for name, *rest in connection.execute(query)}
    return {name: stored.get(name, JobStanding()) for name in names}
