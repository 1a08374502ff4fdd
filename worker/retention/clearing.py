"""Clear the personal data of finished invites; for the triggers, and for Envoy, that is no change."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES
from worker.invites.personal import CLEARED_NAME, PERSONAL
from worker.retention.finished import Finished, finished, locked

# Of the worker's own: what was sent, Envoy's words about it, and a digest that a name can be tried on.
OURS = ("sent_content", "error_detail", "content_key", "absent_key")


def clearable(before: datetime, *, connection: str | None) -> Finished:
    """Select the rows that were finished by then, and in which anything personal is left.

    What is left is looked at itself, not the mark of an earlier clearing: a caller may have filled the
    row again.
    """
    own, visit = DELIVERIES.c, INVITES.c
    detailed = sa.exists().where(ATTEMPTS.c.delivery_id == own.id, ATTEMPTS.c.detail.is_not(None))
    filled = [visit[name].is_not(sa.null()) for name in PERSONAL if name != "invitee_name"]
    known = [own[name].is_not(sa.null()) for name in OURS]
    anything = sa.or_(visit.invitee_name != CLEARED_NAME, *filled, *known, detailed)
    return finished(before, connection=connection).where(anything)


@repeated
def clear(database: Database, query: Finished, ids: Sequence[int]) -> int:
    """Clear a page of rows in one transaction; return how many still were to be cleared."""
    with database.write() as connection:
        rows = locked(connection, query, ids)
        if rows:
            _clear(connection, database, rows)
    return len(rows)


def _clear(connection: sa.Connection, database: Database, rows: Sequence[sa.Row[tuple[int, int]]]) -> None:
    deliveries, invites = [row.id for row in rows], [row.invite_id for row in rows]
    empty = {**dict.fromkeys(PERSONAL, sa.null()), "invitee_name": CLEARED_NAME}
    connection.execute(
        sa.update(INVITES)
        .where(INVITES.c.id.in_(invites))
        # The mark in the same statement tells the triggers that this is no change.
        .values(cleared_at=database.now(), **empty)
    )
    connection.execute(
        sa.update(DELIVERIES).where(DELIVERIES.c.id.in_(deliveries)).values(dict.fromkeys(OURS, sa.null()))
    )
    connection.execute(
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.delivery_id.in_(deliveries), ATTEMPTS.c.detail.is_not(None))
        .values(detail=None)
    )
