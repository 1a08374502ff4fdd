"""When a connection is held, for how long, and what a hold writes: arithmetic only."""

from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa

from worker.backoff import BackOff
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.states import ENDED_BY_A_PERSON, HoldReason
from worker.database.ahead import lies_ahead

Values: TypeAlias = dict[str, object]

HOLD_MAXIMUM = 3600.0  # no hold is longer but those for a person
DEFAULT_HOLDS = BackOff(5.0, 900.0)

NOT_PAUSED_BENEATH: Values = {"also_paused": False, "also_paused_until": None}
RELEASED: Values = {"hold_reason": None, "held_until": None, "hold_count": 0, **NOT_PAUSED_BENEATH}
NOT_WAITING: Values = {"waits_until": None, "waits_since": None, "waits_for": None}
UNDISTURBED: Values = RELEASED | NOT_WAITING | {"forbidden_count": 0, "unauthorised_count": 0}


def in_force(row: Connection, now: datetime) -> bool:
    """Return whether a row that was read has a hold in force."""
    if row.hold_reason in ENDED_BY_A_PERSON:
        return row.held_until is None or now < row.held_until
    return row.hold_reason is not None and lies_ahead(row.held_until, now, HOLD_MAXIMUM, since=row.held_since)


def is_waiting(row: Connection, now: datetime) -> bool:
    """Return whether a row that was read waits, though it may not be held."""
    ahead = lies_ahead(row.waits_until, now, HOLD_MAXIMUM, since=row.waits_since)
    return row.waits_for is not None and ahead


def is_for_a_person() -> sa.ColumnElement[bool]:
    """Return the condition that a row's hold is one that only a person ends; never NULL."""
    return sa.func.coalesce(CONNECTIONS.c.hold_reason.in_(sorted(ENDED_BY_A_PERSON)), sa.false())


def hold(row: Connection, now: datetime, reason: HoldReason, seconds: float) -> Values:
    """Return the columns of a new hold."""
    until = now + timedelta(seconds=min(seconds, HOLD_MAXIMUM))
    return {
        "hold_reason": reason,
        "held_until": until,
        "held_since": now,
        "hold_count": row.hold_count + 1,
    }


def paused(row: Connection, until: datetime | None) -> Values:
    """Return the columns of an operator's pause; beneath another hold for a person, which it does not end."""
    if row.hold_reason in ENDED_BY_A_PERSON - {HoldReason.PAUSED}:
        return {"also_paused": True, "also_paused_until": until}
    return {"hold_reason": HoldReason.PAUSED, "held_until": until}


def over_a_pause(reason: HoldReason) -> Values:
    """Return the columns of a hold for a person that lasts until it is ended, and keeps a pause beneath."""
    own = CONNECTIONS.c
    is_paused = own.hold_reason == HoldReason.PAUSED
    return {
        "hold_reason": reason,
        "held_until": None,
        "also_paused": sa.case((is_paused, sa.true()), else_=own.also_paused),
        "also_paused_until": sa.case((is_paused, own.held_until), else_=own.also_paused_until),
    }


def but_for_a_pause(row: Connection) -> Values:
    """Return the columns of a connection whose troubles are over; the operator's pause is none of them."""
    if row.hold_reason == HoldReason.PAUSED:
        return UNDISTURBED | {"hold_reason": HoldReason.PAUSED, "held_until": row.held_until}
    if row.also_paused:
        return UNDISTURBED | {"hold_reason": HoldReason.PAUSED, "held_until": row.also_paused_until}
    return UNDISTURBED


def paced(row: Connection) -> Values:
    """Return the columns of a row's wait, as they are."""
    return {name: getattr(row, name) for name in NOT_WAITING}


def prolong(row: Connection, now: datetime, seconds: float | None) -> Values:
    """Return the columns of a hold in force that lasts *seconds* at least; a person's lasts as it is."""
    until = now + timedelta(seconds=min(seconds or 0.0, HOLD_MAXIMUM))
    if row.hold_reason in ENDED_BY_A_PERSON or row.held_until is None or until <= row.held_until:
        return {}
    return {"held_until": until, "held_since": now}
