"""What an attempt came to: Envoy's answers and failures, turned into one verdict each.

The rule behind the table: only what surely was not executed may be sent again.  A create whose
outcome is not certain is ``unknown``; an uncertain update or remove is repeated, since doing it
twice leaves Envoy as doing it once.
"""

from dataclasses import dataclass, field, replace
from http import HTTPStatus

from worker.delivery import clears
from worker.delivery.due import DueRow
from worker.delivery.plan import Call
from worker.delivery.refusals import NO_EVIDENCE, Evidence, Unproven, is_settled
from worker.delivery.remarks import remarked
from worker.delivery.sent_content import Content, may_be_gone, names_a_place, when_missing, when_refused
from worker.envoy.answers import may_be_a_gateways
from worker.envoy.api import Written
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    RouteLost,
    Throttled,
    Unauthorised,
)
from worker.invites import Kind, Status, Verdict

GONE = "gone_in_envoy"
# Not NotFound's own code, after which a person may have the invite made again: this one is surely there.
PLACE_NOT_FOUND = "place_not_found"
# Troubles that are not the invite's: they count no attempt and lengthen no back-off.
NOT_THE_INVITES_FAULT = (NotSent, Throttled, Unauthorised, Misdirected, Forbidden, RouteLost)


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
    restored: bool = False  # ``content`` is what Envoy has, though the row is not sent
    gone: bool = False  # what Envoy had is not there any more: a new one must be made
    at_once: bool = False  # it comes again in this run
    unproven: Unproven | None = None  # it was refused, maybe not by Envoy
    refusal: str | None = None  # a digest of what Envoy said


def accepted(call: Call, row: DueRow, written: Written) -> Outcome:
    """Return the outcome of an attempt that Envoy confirmed."""
    if call.kind is Kind.REMOVE:
        return Outcome(Verdict.SENT, Status.WITHDRAWN, "withdrawn", http_status=written.http_status)
    answer = written.invite
    update = call.kind is Kind.UPDATE
    kept = clears.not_emptied(call.body, call.left_out, answer) if update else ()
    content = call.content or None
    if content and kept:
        content = clears.keeping(content, row.sent_content, kept)
    if call.rest:
        return _place_missing(content)
    error_code, detail = remarked(call, kept)
    return Outcome(
        Verdict.SENT,
        Status.SENT,
        "updated" if update else "sent",
        error_code=error_code,
        detail=detail,
        http_status=written.http_status,
        envoy_invite_id=row.envoy_invite_id or (answer.id if answer else None),
        approval_status=answer.approval_status if answer else None,
        content=content,
    )


def failed(
    call: Call,
    row: DueRow,
    error: EnvoyError,
    *,
    recreate: bool = False,
    evidence: Evidence = NO_EVIDENCE,
) -> Outcome:
    """Return the outcome of an attempt that ended in *error*.

    *recreate*: an invite that is not in Envoy any more, no matter who removed it, is made again.  *evidence*:
    what is known of a refusal that may come from something before Envoy.
    """
    if may_be_a_gateways(error) and not is_settled(call, error, evidence):
        return _unproven(call, row, error, evidence)
    if isinstance(error, NotFound) and call.kind is Kind.REMOVE:
        return accepted(call, row, Written(error.http_status or HTTPStatus.NOT_FOUND, None))
    if isinstance(error, NotFound) and call.kind is Kind.UPDATE:
        return _not_found(call, row, error, recreate=recreate)
    if call.kind is Kind.UPDATE and clears.may_be_why(call.body, error):
        without = clears.when_refused(row.sent_content, call.body)
        deferred = _outcome(Verdict.DEFERRED, Status.PENDING, "deferred", error)
        # The digest tells whether Envoy refuses not the clears, but everyone alike.
        return replace(deferred, restored=True, content=without, at_once=True, refusal=error.digest)
    return _restored(call, row, _failed(call, error), error)


def _unproven(call: Call, row: DueRow, error: EnvoyError, evidence: Evidence) -> Outcome:
    """Return the outcome of a refusal that may not be Envoy's own: the row waits, longer each time.

    Once its visit is over, an invite that Envoy may still have is left for a person; its id is kept.
    """
    if evidence.over and call.kind is not Kind.CREATE:
        outcome = replace(_outcome(Verdict.REJECTED, Status.REJECTED, "rejected", error), refusal=None)
    else:
        unproven = Unproven.AGAIN if evidence.again else Unproven.FIRST
        outcome = replace(_deferred(error), unproven=unproven)
    outcome = _restored(call, row, outcome, error)
    if not outcome.restored or not isinstance(error, NotFound):
        return outcome
    return replace(outcome, content=when_refused(row.sent_content, removing=call.kind is Kind.REMOVE))


def refused_like_all(call: Call, row: DueRow, error: EnvoyError) -> Outcome:
    """Return the outcome of a row that Envoy refuses as it refuses all rows of all customers."""
    outcome = _restored(call, row, _deferred(error), error)
    return replace(outcome, content=clears.when_refused_without(row.sent_content))


def _deferred(error: EnvoyError) -> Outcome:
    return _outcome(
        Verdict.DEFERRED,
        Status.PENDING,
        "deferred",
        error,
        counts_as_attempt=False,
        back_off=True,
    )


def _not_found(call: Call, row: DueRow, error: NotFound, *, recreate: bool) -> Outcome:
    """Return the outcome of an update of what is not there: the invite, or a place that it names.

    A new invite is made only when it must be the old one that is missing: else it would be there twice.
    """
    ours = may_be_gone(row.sent_content)  # by a remove whose answer was lost; then it was wanted again
    deferred = _outcome(Verdict.DEFERRED, Status.PENDING, "deferred", error)
    if names_a_place(call.body):
        if ours or recreate:
            missing = when_missing(row.sent_content, call.body)
            return replace(deferred, restored=True, content=missing, at_once=True)
        return replace(_failed(call, error), restored=True, content=row.sent_content)
    if ours or recreate:
        return replace(deferred, error_code=GONE, gone=True, at_once=True)
    gone = replace(_failed(call, error), restored=True, content=row.sent_content)
    return replace(gone, error_code=GONE, detail="Envoy does not have the invite any more")


def _place_missing(content: Content | None) -> Outcome:
    """Return the rejection of an update whose invite is there, so that its place is what Envoy lacks."""
    return Outcome(
        Verdict.REJECTED,
        Status.REJECTED,
        "rejected",
        error_code=PLACE_NOT_FOUND,
        detail="Envoy has the invite, but not the location, flow or host that it shall have",
        restored=True,
        content=content,
    )


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
        back_off=own_fault or isinstance(error, Forbidden | RouteLost),
    )


def forbidden_amid_successes(call: Call, row: DueRow, error: Forbidden) -> Outcome:
    """Return the rejection of a row that was refused again although others went through since."""
    return _restored(call, row, _outcome(Verdict.REJECTED, Status.REJECTED, "rejected", error), error)


def _restored(call: Call, row: DueRow, outcome: Outcome, error: EnvoyError) -> Outcome:
    """Return the outcome of what may not have been executed: then Envoy has what it had."""
    unchanged = call.kind is not Kind.CREATE and not isinstance(error, OutcomeUnknown)
    refused = outcome.verdict is Verdict.REJECTED
    before = clears.when_refused_without(row.sent_content) if refused else row.sent_content
    return replace(outcome, content=before, restored=unchanged)


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
        refusal=error.digest if verdict is Verdict.REJECTED else None,
    )
