"""Finish rows for which nothing has to be sent."""

from collections.abc import Sequence

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.delivery.due import DueRow, skipping_locked
from worker.delivery.plan import Settled
from worker.delivery.store.statements.seen import is_as_planned, seen_of
from worker.delivery.store.verdicts import LONGEST_DETAIL
from worker.failpoints import failpoint
from worker.invites.literals import SENT
from worker.invites.model import DELIVERIES


@repeated
def settle_without_call(
    database: Database, decided: Sequence[tuple[DueRow, Settled]]
) -> list[tuple[DueRow, Settled]]:
    """Finish rows for which nothing has to be sent, all in one transaction; return those that were.

    A row that has changed or was taken since it was read is left for another look.
    """
    statement = _finish(database)
    failpoint("before_finish")
    with database.write() as connection:
        return [
            (row, settled)
            for row, settled in decided
            if connection.execute(statement, _finished_values(row, settled)).rowcount
        ]


def _finish(database: Database) -> sa.Update:
    own = DELIVERIES.c
    final = sa.bindparam("final", type_=sa.Text())
    visit_end = sa.bindparam("visit_end", type_=own.next_attempt_at.type)
    unchanged = sa.select(own.id).where(is_as_planned())
    return (
        sa.update(DELIVERIES)
        .where(own.id.in_(skipping_locked(database, unchanged)))
        .values(
            status=final,
            error_code=sa.bindparam("error_code", type_=sa.Text()),
            error_detail=sa.bindparam("detail", type_=sa.Text()),
            deferrals=0,
            refused_at=None,
            gone_at=None,
            next_attempt_at=sa.func.coalesce(visit_end, own.next_attempt_at),
            sent_revision=sa.case((final == SENT, own.revision), else_=own.sent_revision),
            updated_at=database.now(),
        )
    )


def _finished_values(row: DueRow, settled: Settled) -> dict[str, object]:
    return {
        **seen_of(row),
        "final": settled.status.value,
        "error_code": settled.error_code,
        "detail": (settled.error_detail or "")[:LONGEST_DETAIL] or None,
        "visit_end": settled.visit_end,
    }
