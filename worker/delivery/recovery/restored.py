"""After a restore: what would be created is in doubt first, without a request, and is looked up."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from worker.clock import to_millisecond
from worker.database import Database
from worker.database.repeating import repeated
from worker.delivery.due import DueRow, skipping_locked
from worker.delivery.plan import LookFirst
from worker.delivery.store.statements.claim import twin_in_doubt
from worker.delivery.store.statements.seen import is_as_planned, seen_of
from worker.failpoints import failpoint
from worker.invites import Status
from worker.invites.model import DELIVERIES
from worker.invites.restored import since
from worker.report import Report

RESTORED = "restored"
Doubtful = tuple[DueRow, LookFirst]


def leave_in_doubt(database: Database, rows: Sequence[Doubtful], *, first_look: float) -> list[Doubtful]:
    """Leave rows in doubt that Envoy may have from before the restore; return those that are so now.

    No attempt is claimed for them: the ledger has a line for each request, and none was made.  Of rows of
    equal content one is in doubt at a time.  What has changed or was taken since it was read is left.
    """
    statement = _leave(database, first_look)
    failpoint("before_restored")
    # In one order, so that two workers never wait for each other.
    in_order = sorted(rows, key=lambda row: row[1].content_key)
    try:
        left = _left(database, statement, in_order)
    except sa.exc.IntegrityError:  # another worker left a row of equal content in doubt: each by itself
        left = [found for row in in_order for found in _left_alone(database, statement, row)]
    failpoint("after_restored")
    done = {row.delivery_id for row, _ in left}
    return [row for row in rows if row[0].delivery_id in done]


def remind(database: Database, report: Report) -> None:
    """Say in what a run tells that the database counts as restored, where the run did something."""
    if report.did_something and (moment := since(database)) is not None:
        report.hint = (
            f"restored at {to_millisecond(moment)}: creates are looked up first;"
            " `envoy-worker status` says how many are left, `envoy-worker db restored --end` ends it"
        )


@repeated
def _left(database: Database, statement: sa.Update, rows: Sequence[Doubtful]) -> list[Doubtful]:
    with database.write() as connection:
        return [row for row in rows if connection.execute(statement, _values(*row)).rowcount]


def _left_alone(database: Database, statement: sa.Update, row: Doubtful) -> list[Doubtful]:
    try:
        return _left(database, statement, [row])
    except sa.exc.IntegrityError:
        return []


def _leave(database: Database, first_look: float) -> sa.Update:
    own = DELIVERIES.c
    key = sa.bindparam("key", type_=sa.Text())
    standing = sa.select(own.id).where(is_as_planned(), ~twin_in_doubt(key))
    return (
        sa.update(DELIVERIES)
        .where(own.id.in_(skipping_locked(database, standing)))
        .values(
            status=Status.UNKNOWN,
            attempt_id=sa.bindparam("attempt"),
            # What Envoy may have must not be deleted or renamed, as if it had never been tried.
            fencing_token=sa.case((own.fencing_token == 0, 1), else_=own.fencing_token),
            content_key=key,
            sent_content=sa.bindparam("content", type_=own.sent_content.type),
            restored_at=database.now(),
            unknown_since=database.now(),
            next_attempt_at=database.later(first_look),
            look_ups=0,
            deferrals=0,
            refused_at=None,
            gone_at=None,
            error_code=RESTORED,
            error_detail=None,
            updated_at=database.now(),
        )
    )


def _values(row: DueRow, plan: LookFirst) -> dict[str, Any]:
    return {
        **seen_of(row),
        "attempt": uuid.uuid4().hex,  # no line has it: so no earlier one is taken for what is in doubt
        "key": plan.content_key,
        "content": plan.content,
    }
