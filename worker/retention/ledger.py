"""Delete the old lines of the ledger.

A line is needed as long as its invite may be in doubt again under the same content: it tells which of
Envoy's ids it had before.  So the lines stay until the visit itself is history, however old they are.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.retention.finished import ATTEMPTS, DELIVERIES, Finished, days_ago, finished, locked


def with_old_lines(database: Database, days: int, *, connection: str | None) -> Finished:
    """Select the finished rows of which the ledger has lines older than *days*."""
    old = sa.exists().where(ATTEMPTS.c.delivery_id == DELIVERIES.c.id, _is_old(database, days))
    return finished(database, days, connection=connection).where(old)


def old_lines(database: Database, days: int, *, connection: str | None) -> sa.Select[tuple[str]]:
    """Select the lines that are to be deleted."""
    ids = finished(database, days, connection=connection).with_only_columns(DELIVERIES.c.id)
    return sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.delivery_id.in_(ids), _is_old(database, days))


@repeated
def delete_lines(database: Database, query: Finished, ids: Sequence[int], *, days: int) -> int:
    """Delete the old lines of a page of rows in one transaction; return how many."""
    with database.write() as connection:
        deliveries = [row.id for row in locked(connection, query, ids)]
        statement = sa.delete(ATTEMPTS).where(ATTEMPTS.c.delivery_id.in_(deliveries), _is_old(database, days))
        return connection.execute(statement).rowcount if deliveries else 0


def _is_old(database: Database, days: int) -> sa.ColumnElement[bool]:
    return ATTEMPTS.c.started_at < days_ago(database, days)
