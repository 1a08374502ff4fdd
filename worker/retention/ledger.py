"""Delete the old lines of the ledger.

A line is needed as long as its invite may be in doubt again under the same content: it tells which of
Envoy's ids it had before.  So the lines stay until the visit itself is history, however old they are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.invites.model import ATTEMPTS, DELIVERIES
from worker.retention.finished import Finished, finished, locked


def with_old_lines(before: datetime, *, connection: str | None) -> Finished:
    """Select the rows that were finished by then, and of which the ledger has lines from before."""
    old = sa.exists().where(ATTEMPTS.c.delivery_id == DELIVERIES.c.id, ATTEMPTS.c.started_at < before)
    return finished(before, connection=connection).where(old)


def old_lines(before: datetime, ids: sa.Select[Any]) -> sa.Select[tuple[str]]:
    """Select the lines of some deliveries that are to be deleted."""
    return sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.delivery_id.in_(ids), ATTEMPTS.c.started_at < before)


@repeated
def delete_lines(database: Database, query: Finished, ids: Sequence[int], *, before: datetime) -> int:
    """Delete the old lines of a page of rows in one transaction; return how many."""
    with database.write() as connection:
        deliveries = [row.id for row in locked(connection, query, ids)]
        old = ATTEMPTS.c.started_at < before
        statement = sa.delete(ATTEMPTS).where(ATTEMPTS.c.delivery_id.in_(deliveries), old)
        return connection.execute(statement).rowcount if deliveries else 0
