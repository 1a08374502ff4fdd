"""Whether a refusal is Envoy's own: what is known of it since the row was refused first.

A gateway that has lost its routes, or blocks a method, answers 404 and the like, too.  So the same refusal
must come twice, and in between Envoy must have answered what is surely there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.database import Database
from worker.delivery.due import DueRow
from worker.delivery.plan import Call
from worker.delivery.sent_content import names_a_place
from worker.errors import EnvoyError, NotFound
from worker.invites import Kind, Verdict
from worker.invites.model import ATTEMPTS, DELIVERIES

# An end of a visit that nobody gave is some hour of the arrival's day; and a person may want to look first.
OVER_AFTER = timedelta(days=2)


class Unproven(Enum):
    """A refusal that may not be Envoy's own."""

    FIRST = auto()
    AGAIN = auto()  # the one before was the same


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a refusal.

    ``again``: the one before was the same.  ``answered``: since that one, Envoy was seen to answer this
    connection.  ``gone``: and not to have the invite.  ``over``: the visit is.
    """

    again: bool = False
    answered: bool = False
    gone: bool = False
    over: bool = False


NO_EVIDENCE = Evidence()


def is_settled(call: Call, error: EnvoyError, evidence: Evidence) -> bool:
    """Return whether a refusal that may be a gateway's is the row's own after all."""
    return evidence.gone if speaks_of_the_invite(call, error) else evidence.answered


def speaks_of_the_invite(call: Call, error: EnvoyError) -> bool:
    """Return whether a refusal says nothing but that the invite itself is not there."""
    if not isinstance(error, NotFound):
        return False
    return call.kind is Kind.REMOVE or (call.kind is Kind.UPDATE and not names_a_place(call.body))


def refused_before(row: DueRow, error: EnvoyError) -> bool:
    """Return whether the row, as it is now, was refused in the same way when it was tried last."""
    since = row.refused_at
    return since is not None and row.error_code == error.error_code and row.changed_at <= since


def evidence_of(database: Database, row: DueRow, call: Call, error: EnvoyError, *, reads: bool) -> Evidence:
    """Return what is stored about a refusal; *reads*: the connection may read invites."""
    if not refused_before(row, error):
        return NO_EVIDENCE
    with database.read() as connection:
        found = connection.execute(_query(database, row, call)).one_or_none()
    # What lies ahead came from a clock that was wrong.
    if found is None or row.refused_at is None or row.refused_at > found.now:
        return NO_EVIDENCE
    probed = bool(found.probed)
    gone = row.gone_at is not None if reads else bool(found.wrote)
    known = reads and bool(found.known_read)
    return Evidence(
        again=True,
        answered=probed and (known or bool(found.wrote)),
        gone=probed and gone,
        over=_is_over(row, found.now),
    )


def _query(database: Database, row: DueRow, call: Call) -> sa.Select[Any]:
    own, now = CONNECTIONS.c, database.now()
    since = sa.literal(row.refused_at, own.probed_at.type)
    columns: tuple[sa.ColumnElement[Any], ...] = (
        sa.func.coalesce(own.probed_at.between(since, now), sa.false()).label("probed"),
        sa.func.coalesce(own.known_read_at.between(since, now), sa.false()).label("known_read"),
        _wrote(row, call, since, now).label("wrote"),
        now.label("now"),
    )
    return sa.select(*columns).where(own.name == row.connection)


def _wrote(
    row: DueRow, call: Call, since: sa.ColumnElement[datetime], now: sa.ColumnElement[datetime]
) -> sa.ColumnElement[bool]:
    """Return the condition that another row's write of the same kind began since, and went through."""
    tried = ATTEMPTS.c
    return (
        sa.exists()
        .where(tried.started_at > since, tried.started_at <= now)
        .where(tried.kind == call.kind.value, tried.verdict == Verdict.SENT.value)
        .where(tried.http_status.between(200, 299), tried.delivery_id != row.delivery_id)
        .where(DELIVERIES.c.id == tried.delivery_id, DELIVERIES.c.connection == row.connection)
    )


def _is_over(row: DueRow, now: datetime) -> bool:
    return (row.expected_departure_at or row.expected_arrival_at) + OVER_AFTER < now
