"""Put a connection on hold or release it, in a transaction of its own, and tell of it after the commit."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import structlog

from worker.clock import to_millisecond
from worker.commands import command
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change, clock_of, locked
from worker.connections.states import HoldReason
from worker.connections.usable.rules import Values, in_force
from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import EnvoyError, Misdirected, RouteLost, WorkerError

Decision: TypeAlias = Callable[[Connection, datetime], Values]

HINTS = {
    HoldReason.FORBIDDEN: "a scope or role is missing in Envoy: add it there or run"
    " `{connect}`, then `{resume}`",
    HoldReason.UNAUTHORISED: "Envoy refuses this customer's newest tokens: if it lasts, run `{connect}`",
    HoldReason.OTHER_COMPANY: "Envoy says that this grant is another company's, so nothing is sent with it:"
    " sign in there as the right company, by `{connect}`",
}
REFUSES_ALL_HINT = (
    "Envoy refuses every row of every customer alike: one request at a time is tried;"
    " see what changed in Envoy, or end it with `envoy-worker connections resume --all`"
)
# What lasts until somebody repairs a URL, a certificate or the name resolution; so does a redirect.
FOR_A_PERSON = frozenset({"tls_failed", "dns_failed"})

log = structlog.get_logger()


@repeated
def move(
    database: Database,
    connection_id: int,
    decide: Decision,
    *,
    while_held: Decision | None = None,
    cause: WorkerError | None = None,
) -> bool:
    """Change a connection's holds as decided from its row; return whether it is held afterwards.

    A hold in force is left alone, but for what *while_held* decides.  *cause* is told along with the hold.
    """
    with database.write() as connection:
        before, now = locked(connection, connection_id), clock_of(connection, database)
        if before is None:
            return False
        held_before = in_force(before, now)
        values = (while_held(before, now) if while_held else {}) if held_before else decide(before, now)
        if values:
            change(connection, CONNECTIONS.c.id == connection_id, **values, updated_at=now)
    _announce(before, values, cause)
    return held_before or values.get("hold_reason") is not None


def announce_another_company(name: str, company_id: str | None) -> None:
    """Emit that a connection is held since its grant became the company's of that id."""
    reason = HoldReason.OTHER_COMPANY
    hint = HINTS[reason].format(connect=command("connect", name))
    log.error("connection.held", connection=name, error_code=reason.value, detail=company_id, hint=hint)


def announce_hold(name: str, reason: HoldReason, until: datetime | None) -> None:
    """Emit that a connection is held; as an error where a person must look at it."""
    ends = None if until is None else to_millisecond(until)
    if reason in HINTS:
        connect, resume = command("connect", name), command("connections resume", name)
        hint = HINTS[reason].format(connect=connect, resume=resume)
        log.error("connection.held", connection=name, error_code=reason.value, held_until=ends, hint=hint)
    elif reason is HoldReason.PAUSED:
        log.info("connection.held", connection=name, error_code=reason.value, held_until=ends)
    else:
        log.warning("connection.held", connection=name, error_code=reason.value, held_until=ends)


def announce_until_mended(name: str, reason: HoldReason, cause: WorkerError | None) -> None:
    """Emit that a connection is held until a person repairs *cause*."""
    detail, hint = (None, "") if cause is None else (str(cause), cause.hint)
    log.error("connection.held", connection=name, error_code=reason.value, detail=detail, hint=hint)


def announce_outage(until: datetime, cause: WorkerError | None, **held: object) -> None:
    """Emit that a connection, or a whole host, does not answer; as an error where it will not by itself."""
    fields = {**held, "error_code": HoldReason.OUTAGE.value, "held_until": to_millisecond(until)}
    code = cause.error_code if isinstance(cause, EnvoyError) else None
    if code is not None:
        fields["detail"] = code
    if cause is not None and (isinstance(cause, Misdirected | RouteLost) or code in FOR_A_PERSON):
        log.error("connection.held", **fields, hint=cause.hint)
    else:
        log.warning("connection.held", **fields)


def announce_refusals(host: str, http_status: int, until: datetime, number: int) -> None:
    """Emit that a whole host refuses everyone in the same way."""
    log.error(
        "connection.held",
        host=host,
        number=number,
        error_code=HoldReason.REFUSES_ALL.value,
        http_status=http_status,
        held_until=to_millisecond(until),
        hint=REFUSES_ALL_HINT,
    )


def announce_release(name: str) -> None:
    """Emit that a connection is used again."""
    log.info("connection.released", connection=name)


def _announce(before: Connection, values: Values, cause: WorkerError | None) -> None:
    if values.get("hold_reason") is not None:
        until, reason = values["held_until"], HoldReason(str(values["hold_reason"]))
        if not isinstance(until, datetime):
            announce_until_mended(before.name, reason, cause)
        elif reason is HoldReason.OUTAGE:
            announce_outage(until, cause, connection=before.name)
        else:
            announce_hold(before.name, reason, until)
    elif "hold_reason" in values and before.hold_reason is not None:
        announce_release(before.name)
