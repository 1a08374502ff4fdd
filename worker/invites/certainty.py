"""Whether what was found in Envoy must be of the attempt that is in doubt, or may be of one before."""

from typing import Any

import sqlalchemy as sa

from worker.invites.model import ATTEMPTS, DELIVERIES
from worker.invites.states import Kind, Verdict

NOT_EXECUTED = (Verdict.DEFERRED, Verdict.REJECTED)


def tried_revision() -> sa.ScalarSelect[Any]:
    """Return the revision that was tried last, null where the ledger has no line of it."""
    line = ATTEMPTS.alias("tried")
    query = sa.select(line.c.revision).where(line.c.id == DELIVERIES.c.attempt_id)
    return query.correlate(DELIVERIES).scalar_subquery()


def may_be_older() -> sa.ColumnElement[bool]:
    """Return whether a create of another revision may have been carried out late, and be what was found.

    Then Envoy may have older content than what was tried last, and all of it must be sent.
    """
    own, line, last = DELIVERIES.c, ATTEMPTS.alias("before").c, ATTEMPTS.alias("last").c
    replaced = sa.and_(line.verdict == Verdict.SENT, line.finished_at < last.started_at)
    executed = sa.or_(line.verdict.is_(None), line.verdict.not_in(NOT_EXECUTED) & ~replaced)
    of_the_row = sa.and_(line.delivery_id == own.id, last.id == own.attempt_id)
    others = sa.select(line.id).where(
        of_the_row, line.kind == Kind.CREATE, line.revision != last.revision, executed
    )
    return sa.exists(others.correlate(DELIVERIES))
