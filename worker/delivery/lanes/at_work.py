"""Who is at work on this database: read off the ledger, to which every process writes before it sends."""

from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.database.ahead import STEP_SECONDS
from worker.database.owner import is_dead
from worker.database.statements.built_once import built_once
from worker.invites.model import ATTEMPTS

LATELY_SECONDS = 6.0


def processes_at_work(database: Database) -> set[str]:
    """Return the processes that have begun an attempt of late, but for those that are dead."""
    with database.read() as reader:
        owners = reader.execute(_owners(database)).scalars().all()
    return {owner for owner in owners if not is_dead(owner)}


@built_once
def _owners(database: Database) -> sa.Select[Any]:
    own = ATTEMPTS.c
    # What lies ahead of now was begun by a clock that was put back since.
    lately = own.started_at.between(database.later(-LATELY_SECONDS), database.later(STEP_SECONDS))
    return sa.select(own.owner).where(lately, own.owner.is_not(None)).distinct()
