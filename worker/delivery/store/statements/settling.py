"""The statements that settle attempts: their rows, and their lines in the ledger."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.database.statements.compiled import Given, Types
from worker.delivery.store.statements.seen import SEEN, free_rows, is_as_seen
from worker.invites.literals import PENDING, SENDING, SENT, UNKNOWN
from worker.invites.model import ATTEMPTS, DELIVERIES

LINE: Types = {
    "attempt": sa.Text(),
    "verdict": sa.Text(),
    "http_status": sa.Integer(),
    "error_code": sa.Text(),
    "detail": sa.Text(),
    "envoy_id": sa.Text(),
    "refusal": sa.Text(),
}
VERDICT: Types = {
    **SEEN,
    **LINE,
    "final": sa.Text(),
    "uncounted": sa.Integer(),
    "approval": sa.Text(),
    "restored": sa.Boolean(),
    "content": DELIVERIES.c.sent_content.type,
    "refused": sa.Boolean(),
    "again": sa.Boolean(),
    "sent": sa.Boolean(),
    "gone": sa.Boolean(),
    "for_a_person": sa.Boolean(),
    "wait": sa.Double(),
}


def settle(database: Database, *, first_look: float) -> sa.Select[tuple[int]]:
    """Return the statement that settles rows and their lines, for PostgreSQL."""
    given = Given(database, VERDICT)
    return _both(_settling(database, given, first_look), _lining(database, given))


def settle_free(database: Database, *, first_look: float) -> sa.Select[tuple[int]]:
    """Return the same for rows that nobody has locked, and which it locks; it leaves the others."""
    given = Given(database, VERDICT)
    free = free_rows(given)
    settling = _settling(database, given, first_look).where(DELIVERIES.c.id.in_(sa.select(free.c.id)))
    lining = _lining(database, given).where(given["seen_delivery"].in_(sa.select(free.c.id)))
    return _both(settling, lining)


def _both(settling: sa.Update, lining: sa.Update) -> sa.Select[tuple[int]]:
    settled = settling.returning(DELIVERIES.c.id).cte("settled")
    return sa.select(settled.c.id).add_cte(lining.cte("written"))


def settles(database: Database) -> sa.Select[tuple[str]]:
    """Return the statement that names the rows that `settle_rows` settles, for SQLite: as one JSON text."""
    given, own = Given(database, {**SEEN, "sent": sa.Boolean()}), DELIVERIES.c
    named = sa.select(sa.func.json_group_array(own.id)).select_from(given.entries, DELIVERIES)
    return named.where(is_as_seen(given), _awaits(given))


def settle_rows(database: Database, *, first_look: float) -> sa.Update:
    """Return the statement that settles rows, for SQLite."""
    return _settling(database, Given(database, VERDICT), first_look)


def settle_lines(database: Database) -> sa.Update:
    """Return the statement that settles their lines, for SQLite."""
    return _lining(database, Given(database, LINE))


def _lining(database: Database, given: Given) -> sa.Update:
    """Return the update that writes verdicts to the ledger, each once."""
    return (
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.id == given["attempt"], ATTEMPTS.c.verdict.is_(None))
        .values(
            verdict=given["verdict"],
            finished_at=database.now(),
            http_status=given["http_status"],
            error_code=given["error_code"],
            detail=given["detail"],
            envoy_invite_id=given["envoy_id"],
            refusal=given["refusal"],
        )
    )


def _settling(database: Database, given: Given, first_look: float) -> sa.Update:
    """Return the update of rows whose attempts await their verdicts.

    A deferred row waits as long as it is given; a create in doubt is looked up after *first_look*.
    """
    own = DELIVERIES.c
    return (
        sa.update(DELIVERIES)
        .where(is_as_seen(given), _awaits(given))
        .values(
            **_moved(database, given, first_look),
            **_known(database, given),
            **_refused(database, given),
            attempts=own.attempts - given["uncounted"],
            error_code=given["error_code"],
            error_detail=given["detail"],
            deferrals=sa.case((given["wait"] > 0, own.deferrals + 1), else_=0),
            look_ups=0,
            lease_owner=None,
            lease_until=None,
            updated_at=database.now(),
        )
    )


def _awaits(given: Given) -> sa.ColumnElement[bool]:
    """Return whether a row waits for a verdict."""
    own = DELIVERIES.c
    # Nobody has tried it since, so that Envoy's yes is news, whatever was made of the row.
    news = given["sent"] & (own.status != SENT)
    return sa.or_(news, ~given["sent"] & sa.or_(own.status == SENDING, own.status == UNKNOWN))


def _moved(database: Database, given: Given, first_look: float) -> Mapping[str, Any]:
    """Return the new status and its times; a change that the caller made since the claim is due at once."""
    own = DELIVERIES.c
    unchanged = own.revision == given["seen_revision"]
    # A doubtful create settles first; only then the newest revision is looked at.
    doubtful = given["final"] == UNKNOWN
    return {
        "status": sa.case((sa.or_(doubtful, unchanged), given["final"]), else_=PENDING),
        "next_attempt_at": sa.case(
            (given["for_a_person"], None),
            (doubtful, database.later(first_look)),
            (unchanged, database.after(given["wait"])),
            else_=database.now(),
        ),
        "interruptions": sa.case((doubtful, own.interruptions), else_=0),
        "unknown_since": sa.case((doubtful, database.now()), else_=None),
        "content_key": sa.case((doubtful, own.content_key), else_=None),
    }


def _known(database: Database, given: Given) -> Mapping[str, Any]:
    """Return what is known to be in Envoy; where nothing was executed, it is what was there before."""
    own = DELIVERIES.c
    sent, gone = given["sent"], given["gone"]
    return {
        "envoy_invite_id": sa.case((sent, given["envoy_id"]), (gone, None), else_=own.envoy_invite_id),
        "approval_status": sa.case((sent, given["approval"]), (gone, None), else_=own.approval_status),
        "sent_content": sa.case(
            (gone, None), (sa.or_(sent, given["restored"]), given["content"]), else_=own.sent_content
        ),
        "sent_revision": sa.case((sent, given["seen_revision"]), else_=own.sent_revision),
        "sent_at": sa.case((sent, database.now()), else_=own.sent_at),
    }


def _refused(database: Database, given: Given) -> Mapping[str, Any]:
    """Return since when the row is refused in the same way, and what was found out about it since."""
    own = DELIVERIES.c
    again = sa.and_(given["refused"], given["again"])
    return {
        "refused_at": sa.case((again, own.refused_at), (given["refused"], database.now()), else_=None),
        "gone_at": sa.case((again, own.gone_at), else_=None),
    }
