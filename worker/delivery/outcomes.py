"""What an attempt came to: Envoy's answers and failures, turned into one verdict each.

The rule behind the table: only what surely was not executed may be sent again.  A create whose
outcome is not certain is ``unknown``; an uncertain update or remove is repeated, since doing it
twice leaves Envoy as doing it once.
"""

from dataclasses import dataclass, field, replace

from worker.delivery.content import Content, may_be_gone
from worker.delivery.plan import Call
from worker.delivery.rows import DueRow
from worker.envoy.resources import Invite as EnvoyInvite
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorised,
)
from worker.invites import Kind, Status, Verdict

# Troubles that are not the invite's: they count no attempt and lengthen no back-off.
NOT_THE_INVITES_FAULT = (NotSent, Throttled, Unauthorised, Misdirected, Forbidden)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and what is stored with it.

    ``back_off`` asks for a wait that grows with each deferral in a row; without it the row is due at
    once, and whatever hinders it is stored as a hold of the connection.
    """

    verdict: Verdict
    status: Status
    event: str
    error_code: str | None = None
    detail: str | None = None
    http_status: int | None = None
    counts_as_attempt: bool = True
    back_off: bool = False
    for_a_person: bool = False  # a look-up would say nothing
    envoy_invite_id: str | None = None
    approval_status: str | None = None
    content: Content | None = field(default=None, repr=False)
    unchanged: bool = False  # an update or remove that surely was not executed: Envoy has what it had
    gone: bool = False  # what Envoy had is not there any more: a new one must be made


def accepted(call: Call, row: DueRow, answer: EnvoyInvite | None) -> Outcome:
    """Return the outcome of an attempt that Envoy confirmed."""
    if call.kind is Kind.REMOVE:
        return Outcome(Verdict.SENT, Status.WITHDRAWN, "withdrawn")
    return Outcome(
        Verdict.SENT,
        Status.SENT,
        "sent" if call.kind is Kind.CREATE else "updated",
        envoy_invite_id=row.envoy_invite_id or (answer.id if answer else None),
        approval_status=answer.approval_status if answer else None,
        content=call.content,
    )


def failed(call: Call, error: EnvoyError) -> Outcome:
    """Return the outcome of an attempt that ended in *error*."""
    if isinstance(error, NotFound) and call.kind is Kind.UPDATE and may_be_gone(call.meanwhile):
        # A remove of ours, whose answer was lost, was executed; and then the caller wanted the visit again.
        return replace(_outcome(Verdict.DEFERRED, Status.PENDING, "deferred", error), gone=True)
    unchanged = call.kind is not Kind.CREATE and not isinstance(error, OutcomeUnknown)
    return replace(_failed(call, error), unchanged=unchanged)


def _failed(call: Call, error: EnvoyError) -> Outcome:
    if isinstance(error, Refused):
        return _outcome(Verdict.REJECTED, Status.REJECTED, "rejected", error)
    if isinstance(error, OutcomeUnknown) and call.kind is Kind.CREATE:
        return _outcome(Verdict.UNKNOWN, Status.UNKNOWN, "unknown", error)
    own_fault = not isinstance(error, NOT_THE_INVITES_FAULT)
    # A doubtful update may be the first of an outage, which must cost no attempt; but its wait grows.
    return _outcome(
        Verdict.DEFERRED,
        Status.PENDING,
        "deferred",
        error,
        counts_as_attempt=own_fault and not isinstance(error, OutcomeUnknown),
        back_off=own_fault or isinstance(error, Forbidden),
    )


def forbidden_amid_successes(error: Forbidden) -> Outcome:
    """Return the rejection of a row that was refused again although others went through since."""
    return _outcome(Verdict.REJECTED, Status.REJECTED, "rejected", error)


def _outcome(
    verdict: Verdict,
    status: Status,
    event: str,
    error: EnvoyError,
    *,
    counts_as_attempt: bool = True,
    back_off: bool = False,
) -> Outcome:
    return Outcome(
        verdict,
        status,
        event,
        error_code=error.error_code,
        detail=str(error),
        http_status=error.http_status,
        counts_as_attempt=counts_as_attempt,
        back_off=back_off,
    )
