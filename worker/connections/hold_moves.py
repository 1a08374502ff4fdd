"""Put a connection on hold or release it, in a transaction of its own, and tell of it after the commit."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import structlog

from worker.connections.hold_rules import Values, in_force
from worker.connections.model import Connection, HoldReason
from worker.connections.rows import CONNECTIONS, change, clock_of, locked
from worker.database import Database
from worker.database.types import utc_text

Decision: TypeAlias = Callable[[Connection, datetime], Values]

HINTS = {
    HoldReason.FORBIDDEN: "a scope or role is missing in Envoy: mend it there or run"
    " `envoy-worker connect {name}`, then `envoy-worker connections resume {name}`",
    HoldReason.UNAUTHORISED: "Envoy refuses this customer's newest tokens: if it lasts,"
    " run `envoy-worker connect {name}`",
}

log = structlog.get_logger()


def move(
    database: Database, connection_id: int, decide: Decision, *, while_held: Decision | None = None
) -> bool:
    """Change a connection's holds as decided from its row; return whether it is held afterwards.

    A hold in force is left alone, but for what *while_held* decides.
    """
    with database.write() as connection:
        before, now = locked(connection, connection_id), clock_of(connection, database)
        if before is None:
            return False
        held_before = in_force(before, now)
        values = (while_held(before, now) if while_held else {}) if held_before else decide(before, now)
        if values:
            change(connection, CONNECTIONS.c.id == connection_id, **values, updated_at=now)
    if not held_before:
        _announce(before, values)
    return held_before or values.get("hold_reason") is not None


def announce_hold(name: str, reason: HoldReason, until: datetime | None) -> None:
    """Emit that a connection is held; as an error where a person must look at it."""
    ends = None if until is None else utc_text(until)
    if reason in HINTS:
        hint = HINTS[reason].format(name=name)
        log.error("connection.held", connection=name, error_code=reason.value, held_until=ends, hint=hint)
    elif reason is HoldReason.PAUSED:
        log.info("connection.held", connection=name, error_code=reason.value, held_until=ends)
    else:
        log.warning("connection.held", connection=name, error_code=reason.value, held_until=ends)


def announce_release(name: str) -> None:
    """Emit that a connection is used again."""
    log.info("connection.released", connection=name)


def _announce(before: Connection, values: Values) -> None:
    if values.get("hold_reason") is not None:
        until = values["held_until"]
        assert isinstance(until, datetime)  # noqa: S101 -- only a pause has no end
        announce_hold(before.name, HoldReason(str(values["hold_reason"])), until)
    elif "hold_reason" in values and before.hold_reason is not None:
        announce_release(before.name)
