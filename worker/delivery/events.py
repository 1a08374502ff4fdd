"""Tell what became of an invite: one event each, by ids, never by name."""

import structlog

from worker.commands import command
from worker.delivery.due import DueRow
from worker.delivery.outcomes import GONE, Outcome
from worker.delivery.plan import Settled
from worker.delivery.reconcile.decision import Decision
from worker.delivery.reconcile.unknown_rows import Doubt
from worker.delivery.recovery.missing import LOST, MISSING, Healed
from worker.delivery.recovery.restored import RESTORED
from worker.delivery.remarks import HINTS as REMARKS
from worker.delivery.store.claims import Claim
from worker.delivery.store.verdicts import Stored
from worker.errors import EnvoyError, Forbidden, NotFound
from worker.invites import Status

log = structlog.get_logger()

HINTS = {
    Status.REJECTED: "correct the row and it is tried again, or: {retry}",
    Status.UNKNOWN: "look it up in Envoy, then: {resolve}",
}

NOT_FOUND_HINT = "look into Envoy: only where the invite is not there, {resend}"
GONE_HINT = "if it shall be there again: {resend}; else withdraw it"


def attempted(
    row: DueRow,
    claim: Claim,
    outcome: Outcome,
    stored: Stored,
    duration_ms: int,
    *,
    looked_up: bool,
    rival: str | None = None,
) -> None:
    """Emit an attempt's result, after its verdict is stored.

    *looked_up*: a doubtful one settles itself.  *rival*: another id that Envoy may hold the visit under.
    """
    fields = {
        **_identity(row),
        "attempt": claim.attempt_id,
        "number": claim.number,
        "duration_ms": duration_ms,
        "envoy_invite_id": outcome.envoy_invite_id,
        "approval_status": outcome.approval_status,
        "http_status": outcome.http_status,
        "error_code": outcome.error_code,
    }
    shown = {key: value for key, value in fields.items() if value is not None}
    if stored is Stored.SETTLED:
        _result(outcome.event, outcome.status, row, shown, looked_up=looked_up)
    if rival is not None or stored in {Stored.OTHER_ID, Stored.ID_TAKEN}:
        _twice(shown, rival)
    elif stored is Stored.STALE:
        log.warning("invite.stale", **shown)


def overtaken_look(doubt: Doubt, found: str, present: str | None) -> None:
    """Emit that a look found another id than the one that a late answer gave the row."""
    if present not in {None, found}:
        _twice({**_identity(doubt), "attempt": doubt.attempt_id, "envoy_invite_id": found}, present)


def settled(row: DueRow, decision: Settled) -> None:
    """Emit what was decided without a call; a row that is sent already says nothing."""
    if decision.status is Status.SENT:
        return
    shown = {**_identity(row), "error_code": decision.error_code, "detail": decision.error_detail}
    shown = {key: value for key, value in shown.items() if value is not None}
    _result(decision.status.value, decision.status, row, shown)


def looked_up(doubt: Doubt, decision: Decision) -> None:
    """Emit what a look into Envoy settled, or that it left the invite for a person."""
    fields: dict[str, object] = {
        **_identity(doubt),
        "attempt": doubt.attempt_id,
        "error_code": decision.error_code,
        "detail": decision.detail,
        "envoy_invite_id": decision.invite.id if decision.invite else None,
        "approval_status": decision.invite.approval_status if decision.invite else None,
    }
    shown = {key: value for key, value in fields.items() if value is not None}
    if decision.status is Status.REJECTED:
        log.error("invite.rejected", **shown, hint=_filled(HINTS[Status.REJECTED], doubt))
    elif decision.status is not Status.UNKNOWN:
        log.info("invite.reconciled", **shown, by="look_up", status=decision.status.value)
    elif decision.for_a_person:
        log.error("invite.unknown", **shown, hint=_filled(HINTS[Status.UNKNOWN], doubt))
    elif decision.error_code != doubt.error_code:
        log.warning("invite.unknown", **shown)


def look_failed(doubt: Doubt, error: EnvoyError) -> None:
    """Emit that an invite could not be looked up, the first time in a row; it is looked up again."""
    if not doubt.deferrals and not isinstance(error, Forbidden):
        cause = {"http_status": error.http_status, "detail": error.error_code}
        log.warning("invite.unknown", **_identity(doubt), error_code="look_up_failed", **cause)


def healed(found: Healed) -> None:
    """Emit which invites had no delivery, and which of them Envoy may have."""
    for connection, number in found.due.items():
        hint = "they were written while no trigger fired; they are sent now"
        log.warning("invite.deferred", connection=connection, number=number, error_code=MISSING, hint=hint)
    for connection, external_id in found.doubtful:
        hint = _typed(HINTS[Status.UNKNOWN], connection, external_id)
        fields = {"connection": connection, "external_id": external_id, "error_code": LOST}
        log.error("invite.unknown", **fields, hint=hint)


def odd(row: DueRow | Doubt, error: Exception) -> None:
    """Say which row met a bug; the error's own text may hold what the row says."""
    log.error(
        "job.failed",
        connection=row.connection,
        invite_id=row.invite_id,
        error_code="unexpected",
        error=type(error).__name__,
        hint="this is a bug: please report it; the other invites go on",
    )


def may_not_look(doubt: Doubt) -> None:
    """Emit that Envoy lets a connection read no invites, so that its doubtful ones wait for a person."""
    log.error(
        "invite.unknown",
        **_identity(doubt),
        error_code="look_up_forbidden",
        hint=f"let the customer grant invites.read: `{command('connect', doubt.connection)}`;"
        f" or settle it by {_filled('`{resolve}`', doubt)}",
    )


def unstored(row: DueRow, claim: Claim, outcome: Outcome) -> None:
    """Print a verdict that the database would not take, so that a person still can."""
    log.error(
        "invite.unknown",
        **_identity(row),
        attempt=claim.attempt_id,
        envoy_invite_id=outcome.envoy_invite_id,
        error_code="verdict_not_stored",
        hint="the verdict could not be stored; with the id, settle it by `invites resolve`",
    )


def interrupted(connection: str, external_id: str, *, doubtful: bool, looked_up: bool, attempt: str) -> None:
    """Emit that an attempt was abandoned, by a crash or by the end of its lease.

    *looked_up*: a doubtful one settles itself.
    """
    fields = {"connection": connection, "external_id": external_id, "attempt": attempt}
    if doubtful and looked_up:
        log.warning("invite.unknown", **fields, error_code="interrupted")
    elif doubtful:
        hint = _typed(HINTS[Status.UNKNOWN], connection, external_id)
        log.error("invite.unknown", **fields, error_code="interrupted", hint=hint)
    else:
        log.warning("invite.deferred", **fields, error_code="interrupted")


def restored(row: DueRow, *, looked_up: bool) -> None:
    """Emit that Envoy may have an invite from before a restore: it is looked up, or waits for a person."""
    fields = {**_identity(row), "error_code": RESTORED}
    _result("unknown", Status.UNKNOWN, row, fields, looked_up=looked_up)


def _twice(fields: dict[str, object], rival: str | None) -> None:
    other = {} if rival is None else {"other_envoy_invite_id": rival}
    hint = "Envoy may hold this visit twice: compare both ids in Envoy"
    log.error("invite.stale", **fields, **other, hint=hint)


def _identity(row: DueRow | Doubt) -> dict[str, object]:
    return {"connection": row.connection, "invite_id": row.invite_id, "external_id": row.external_id}


def _result(
    event: str, status: Status, row: DueRow, fields: dict[str, object], *, looked_up: bool = False
) -> None:
    hint = _filled(_hint(row, status, fields.get("error_code")), row)
    match event:
        case "sent":
            log.info("invite.sent", **fields)
        case "updated" if "error_code" in fields:
            log.warning("invite.updated", **fields, hint=REMARKS[str(fields["error_code"])])
        case "updated":
            log.info("invite.updated", **fields)
        case "withdrawn":
            log.info("invite.withdrawn", **fields)
        case "expired":
            log.info("invite.expired", **fields)
        case "deferred":
            log.warning("invite.deferred", **fields)
        case "unknown" if looked_up:
            log.warning("invite.unknown", **fields)
        case "unknown":
            log.error("invite.unknown", **fields, hint=hint)
        case _:
            log.error("invite.rejected", **fields, hint=hint)


def _filled(hint: str, row: DueRow | Doubt) -> str:
    return _typed(hint, row.connection, row.external_id) if hint else ""


def _typed(hint: str, connection: str, external_id: str) -> str:
    """Return a hint with the commands that it names, for one invite."""
    invite = f"{connection}/{external_id}"
    return hint.format(
        retry=command("invites retry", invite),
        resolve=command("invites resolve", invite),
        resend=command("invites resolve", invite, then="--resend"),
    )


def _hint(row: DueRow, status: Status, error_code: object) -> str:
    if error_code == GONE:
        return GONE_HINT
    if status is Status.REJECTED and error_code == NotFound.default_code and row.envoy_invite_id:
        return NOT_FOUND_HINT
    return HINTS.get(status, "")
