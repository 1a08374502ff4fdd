"""The statements that settle an attempt: the row's, and its line's in the ledger."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.delivery.rows import ATTEMPTS, DELIVERIES, PENDING, SENDING, SENT, UNKNOWN
from worker.delivery.store.seen import is_as_seen


def settle_in_doubt(database: Database, *, wait: float, first_look: float) -> sa.Update:
    """Return the update of a row whose attempt awaits its verdict.

    A deferred row waits *wait* seconds; a create in doubt is looked up after *first_look*.
    """
    awaiting = sa.or_(DELIVERIES.c.status == SENDING, DELIVERIES.c.status == UNKNOWN)
    return _settle(database, awaiting, wait=wait, first_look=first_look)


def settle_sent(database: Database, *, first_look: float) -> sa.Update:
    """Return the update of a row whose attempt Envoy has confirmed."""
    # Nobody has tried it since, so that the answer is news, whatever was made of the row meanwhile.
    return _settle(database, DELIVERIES.c.status != SENT, wait=0, first_look=first_look).values(
        envoy_invite_id=sa.bindparam("envoy_id", type_=sa.Text()),
        approval_status=sa.bindparam("approval", type_=sa.Text()),
        sent_content=sa.bindparam("content", type_=DELIVERIES.c.sent_content.type),
        sent_revision=sa.bindparam("attempted_revision"),
        sent_at=database.now(),
    )


def to_ledger(database: Database) -> sa.Update:
    """Return the update that writes a verdict to the ledger, once."""
    return (
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.id == sa.bindparam("attempt"), ATTEMPTS.c.verdict.is_(None))
        .values(
            verdict=sa.bindparam("verdict"),
            finished_at=database.now(),
            http_status=sa.bindparam("http_status", type_=sa.Integer()),
            error_code=sa.bindparam("error_code", type_=sa.Text()),
            detail=sa.bindparam("detail", type_=sa.Text()),
            envoy_invite_id=sa.bindparam("envoy_id", type_=sa.Text()),
            refusal=sa.bindparam("refusal", type_=sa.Text()),
        )
    )


def _settle(
    database: Database, awaiting: sa.ColumnElement[bool], *, wait: float, first_look: float
) -> sa.Update:
    own = DELIVERIES.c
    return (
        sa.update(DELIVERIES)
        .where(is_as_seen(), awaiting)
        .values(
            **_moved(database, wait=wait, first_look=first_look),
            **_noted(),
            **_refused(database),
            deferrals=own.deferrals + 1 if wait else 0,
            look_ups=0,
            lease_owner=None,
            lease_until=None,
            updated_at=database.now(),
        )
    )


def _moved(database: Database, *, wait: float, first_look: float) -> Mapping[str, Any]:
    """Return the new status and its times; a change that the caller made meanwhile is due at once."""
    own = DELIVERIES.c
    unchanged = own.revision == sa.bindparam("attempted_revision")
    # A doubtful create settles first; only then the newest revision is looked at.
    doubtful = sa.bindparam("final", type_=sa.Text()) == UNKNOWN
    return {
        "status": sa.case((sa.or_(doubtful, unchanged), sa.bindparam("final")), else_=PENDING),
        "next_attempt_at": sa.case(
            (doubtful, database.later(first_look)),
            (unchanged, database.later(wait)),
            else_=database.now(),
        ),
        "interruptions": sa.case((doubtful, own.interruptions), else_=0),
        "unknown_since": sa.case((doubtful, database.now()), else_=None),
        "content_key": sa.case((doubtful, own.content_key), else_=None),
    }


def _noted() -> Mapping[str, Any]:
    """Return what is noted of the attempt; what Envoy has is put back where nothing was executed."""
    own = DELIVERIES.c
    restored = sa.bindparam("restored", type_=sa.Boolean())
    content = sa.bindparam("content", type_=own.sent_content.type)
    return {
        "attempts": own.attempts - sa.bindparam("uncounted", type_=sa.Integer()),
        "error_code": sa.bindparam("error_code", type_=sa.Text()),
        "error_detail": sa.bindparam("detail", type_=sa.Text()),
        "sent_content": sa.case((restored, content), else_=own.sent_content),
    }


def _refused(database: Database) -> Mapping[str, Any]:
    """Return since when the row is refused in the same way, and what was found out about it since."""
    own = DELIVERIES.c
    refused = sa.bindparam("refused", type_=sa.Boolean())
    again = sa.and_(refused, sa.bindparam("again", type_=sa.Boolean()))
    return {
        "refused_at": sa.case((again, own.refused_at), (refused, database.now()), else_=None),
        "gone_at": sa.case((again, own.gone_at), else_=None),
    }
