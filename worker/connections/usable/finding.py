"""May a connection be used now?  One answer for all who ask, stored, with its reason.

The database keeps ``usable_from`` and ``unusable_reason`` up to date from what they are made of: status,
hold and wait.  So nobody who writes one of these, a release before as well, can let them disagree.  An index
finds what is usable, whatever else there is.  Only the rules for clocks that were set ask the parts again,
and a cool-down of refreshing, which counts from the moment on at which the last token is over.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS, HOSTS, Connection, Host
from worker.connections.states import ENDED_BY_CONSENT, ConnectionStatus, HoldReason, WaitReason
from worker.connections.tokens.refresh.cool_down import cools, is_cooling
from worker.connections.usable.holds import is_held
from worker.connections.usable.host_outage import is_resting
from worker.connections.usable.refusing import must_wait
from worker.connections.usable.rules import HOLD_MAXIMUM, in_force, is_waiting
from worker.database import Database
from worker.database.ahead import is_ahead, is_still_to_be, is_too_far
from worker.database.repeating import repeated
from worker.database.types import FAR_AHEAD

NEEDS_CONSENT = frozenset({ConnectionStatus.NEEDS_AUTHORISATION.value, *ENDED_BY_CONSENT})


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a connection is not used, a status, a hold's reason or a wait's; None: until a person acts."""

    reason: str
    until: datetime | None


def why_not(row: Connection, now: datetime, host: Host | None = None) -> Unusable | None:
    """Return why a row that was read is not usable at *now*, None if it is; see `is_usable`."""
    if row.status != ConnectionStatus.ACTIVE:
        return Unusable(row.status, None)
    if in_force(row, now):
        return Unusable(str(row.hold_reason), row.held_until)
    if is_waiting(row, now):
        return Unusable(str(row.waits_for), row.waits_until)
    if is_cooling(row, now):
        return Unusable(WaitReason.COOLING.value, row.refresh_retry_at)
    return None if host is None or row.hold_reason is None else _by_its_host(row, now, host)


def _by_its_host(row: Connection, now: datetime, host: Host) -> Unusable | None:
    if is_resting(host, now):
        return Unusable(HoldReason.OUTAGE.value, host.held_until)
    return Unusable(HoldReason.REFUSES_ALL.value, host.refused_until) if must_wait(host, row, now) else None


def is_usable(database: Database, *, host: str | None = None) -> sa.ColumnElement[bool]:
    """Return the condition that a row of table ``connection`` may be used now.

    With the name of a *host*, its outage and its refusals are heeded as well, for what was held before: what
    was resumed, or is new, need not wait.
    """
    return sa.and_(sa.or_(*cases(database)), ~cools(database), host_lets(database, host))


def cases(database: Database) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of which one must hold, each to be found by an index of its own."""
    own = CONNECTIONS.c
    by_its_parts = (own.status == ConnectionStatus.ACTIVE) & ~is_held(database) & ~_is_waiting(database)
    # No wait reaches so far, and none began ahead of now, but by a clock that was wrong.
    too_far = is_too_far(database, own.usable_from, HOLD_MAXIMUM)
    began_ahead = is_still_to_be(database, own.usable_since)
    return (
        own.usable_from <= database.now(),
        sa.and_(too_far, own.usable_from < FAR_AHEAD, by_its_parts),
        sa.and_(began_ahead, by_its_parts),
    )


def host_lets(database: Database, host: str | None) -> sa.ColumnElement[bool]:
    """Return the condition that the host's troubles do not keep a connection from being used."""
    if host is None:
        return sa.true()
    rests, refuses = _host_rests(database, host), _host_refuses(database, host)
    return sa.or_(~sa.or_(rests, refuses), CONNECTIONS.c.hold_reason.is_(None))


def reason_now(database: Database, *, host: str | None = None) -> sa.ColumnElement[str | None]:
    """Return the expression for why a row is not usable now, NULL where it is; see `why_not`."""
    own = CONNECTIONS.c
    reasons: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[Any]]] = [
        (own.status != ConnectionStatus.ACTIVE, own.status),
        (is_held(database), own.hold_reason),
        (_is_waiting(database), own.waits_for),
        (cools(database), sa.literal(WaitReason.COOLING.value)),
    ]
    if host is not None:
        was_held = own.hold_reason.is_not(None)
        reasons += [
            (was_held & _host_rests(database, host), sa.literal(HoldReason.OUTAGE.value)),
            (was_held & _host_refuses(database, host), sa.literal(HoldReason.REFUSES_ALL.value)),
        ]
    return sa.case(*reasons)


@repeated
def set_aside(database: Database, connection_id: int, reason: WaitReason, seconds: float) -> None:
    """Have a connection wait for so long, which is no hold; a wait that lasts longer stays.

    A new token, a success (but of a wait for its pace) and `connections resume` end it.
    """
    own = CONNECTIONS.c
    until = database.later(min(seconds, HOLD_MAXIMUM))
    is_longer = ~_is_waiting(database) | (own.waits_until < until)
    values = {"waits_until": until, "waits_since": database.now(), "waits_for": reason}
    with database.write() as connection:
        connection.execute(sa.update(CONNECTIONS).where(own.id == connection_id, is_longer).values(values))


def _is_waiting(database: Database) -> sa.ColumnElement[bool]:
    """Return the condition of `is_waiting`; never NULL, so that it can be negated."""
    own = CONNECTIONS.c
    ahead = is_ahead(database, own.waits_until, HOLD_MAXIMUM, since=own.waits_since)
    return sa.func.coalesce(own.waits_for.is_not(None) & ahead, sa.false())


def _host_rests(database: Database, host: str) -> sa.ColumnElement[bool]:
    own = HOSTS.c
    rests = is_ahead(database, own.held_until, HOLD_MAXIMUM, since=own.held_since)
    return sa.exists().where(own.name == host, own.hold_count > 0, rests)


def _host_refuses(database: Database, host: str) -> sa.ColumnElement[bool]:
    own = HOSTS.c
    refuses = is_ahead(database, own.refused_until, HOLD_MAXIMUM, since=own.refused_since)
    return sa.exists().where(own.name == host, refuses)
