"""Make one attempt: claim with intent, one request, one verdict; in this order, and nothing between."""

import threading
from dataclasses import dataclass
from datetime import datetime

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential,
)

from worker.connections.holds import Holds
from worker.connections.reading import may_read
from worker.connections.rows import look
from worker.connections.tokens import AccessToken, Tokens
from worker.database import Database, utc_now
from worker.delivery import events, outcomes, unstored
from worker.delivery.claim import Claim, Claims
from worker.delivery.lanes import Lanes, Work
from worker.delivery.outcomes import Outcome
from worker.delivery.verdicts import Stored, Verdicts
from worker.envoy.api import EnvoyApi
from worker.envoy.clock import boot_clock
from worker.envoy.resources import Invite as EnvoyInvite
from worker.errors import (
    DatabaseUnreachable,
    DiskFull,
    EnvoyError,
    ExitCode,
    Forbidden,
    NeedsAuthorisation,
    NotSent,
    OutcomeUnknown,
    Refused,
    SettingsError,
    Throttled,
    TryLater,
    Unauthorised,
    WorkerError,
)
from worker.failpoints import failpoint
from worker.invites import Kind, Status, Verdict
from worker.report import Report

log = structlog.get_logger()

# For how long a verdict is offered to a database that will not take it.  A process that is to end must
# be able to print the verdict before it is ended.
VERDICT_PATIENCE_SECONDS = 15.0
LAST_PATIENCE_SECONDS = 4.0
DOUBTS_IN_A_ROW = 2
CONFLICT = "http_409"
# What hinders one connection, and no other.
OF_ONE_CONNECTION = (NeedsAuthorisation, TryLater, EnvoyError, SettingsError)


@dataclass(frozen=True, slots=True)
class Sending:
    """What it takes to make attempts; shared by the sender threads of a run."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    holds: Holds
    report: Report
    claims: Claims
    verdicts: Verdicts
    stop: threading.Event

    def send(self, lanes: Lanes, work: Work) -> None:
        """Make one attempt, and give the work back whatever happens."""
        claimed: Claim | None = None
        progressed = False
        try:
            token = self._token(lanes, work)
            if token is not None and not self.stop.is_set():
                claimed = self.claims.take(work.row, work.call)
            if token is not None and claimed is not None:
                progressed = self._attempt(lanes, work, claimed, token)
        finally:
            lanes.done(work, progressed=progressed, attempted=claimed is not None)

    def _token(self, lanes: Lanes, work: Work) -> AccessToken | None:
        fresh = work.lane.fresh
        try:
            return fresh.token() or fresh.keep(self.tokens.access(_id(work)))
        except OF_ONE_CONNECTION as error:
            self._close(lanes, work, error)
            return None

    def _attempt(self, lanes: Lanes, work: Work, claimed: Claim, token: AccessToken) -> bool:
        began = boot_clock()
        failpoint("before_connect")
        outcome, error_ = self._request(work, claimed, token)
        failpoint("after_answer")
        duration_ms = round((boot_clock() - began) * 1000)
        stored = self._store(work, claimed, outcome)
        if stored is None:
            return False
        self._count(outcome)
        self._aftermath(lanes, work, token, error_)
        looked_up = may_read(work.lane.connection)
        events.attempted(work.row, claimed, outcome, stored, duration_ms, looked_up=looked_up)
        return outcome.verdict is not Verdict.DEFERRED or isinstance(error_, Unauthorised)

    def _request(self, work: Work, claimed: Claim, token: AccessToken) -> tuple[Outcome, EnvoyError | None]:
        """Make the one request, and say what it came to."""
        error: EnvoyError
        try:
            answer = self._call(work, claimed, token.value)
        except EnvoyError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 -- whatever it was, the request may have gone out
            error = OutcomeUnknown(f"unexpected {type(raised).__name__}", error_code="unexpected")
        else:
            return outcomes.accepted(work.call, work.row, answer), None
        if isinstance(error, Forbidden) and self._refused_again(work):
            return outcomes.forbidden_amid_successes(error), error
        return outcomes.failed(work.call, error), error

    def _call(self, work: Work, claimed: Claim, token: str) -> EnvoyInvite | None:
        row, call, guard = work.row, work.call, claimed.require_time
        if call.kind is Kind.CREATE:
            return self.api.create_invite(token, call.body, request_id=claimed.attempt_id, before_write=guard)
        assert row.envoy_invite_id is not None  # noqa: S101 -- the plan says so
        if call.kind is Kind.UPDATE:
            return self.api.update_invite(
                token, row.envoy_invite_id, call.body, request_id=claimed.attempt_id, before_write=guard
            )
        self.api.remove_invite(token, row.envoy_invite_id, request_id=claimed.attempt_id, before_write=guard)
        return None

    def _refused_again(self, work: Work) -> bool:
        """Say whether this row was refused before, and its connection has had a success since."""
        if work.row.error_code != Forbidden.default_code:
            return False
        connection, _ = look(self.database, _id(work))
        return connection is not None and not connection.forbidden_count

    def _store(self, work: Work, claimed: Claim, outcome: Outcome) -> Stored | None:
        """Store the verdict, again and again while the database is away; the request is never repeated."""
        policy = Retrying(
            retry=retry_if_exception_type((DatabaseUnreachable, DiskFull)),
            wait=wait_exponential(multiplier=0.1, max=2),
            stop=self._patience_is_over,
            sleep=sleep_using_event(threading.Event()),
            retry_error_callback=_nothing_stored,
        )
        with unstored.kept(work.row, claimed, outcome):
            stored: Stored | None = policy(self.verdicts.store, work.row, claimed, outcome)
        if stored is None:
            self.report.trouble(ExitCode.UNREACHABLE)
            events.unstored(work.row, claimed, outcome)
        return stored

    def _patience_is_over(self, state: RetryCallState) -> bool:
        patience = LAST_PATIENCE_SECONDS if self.stop.is_set() else VERDICT_PATIENCE_SECONDS
        return (state.seconds_since_start or 0.0) > patience

    def _count(self, outcome: Outcome) -> None:
        self.report.add(outcome.event)
        if outcome.status in {Status.REJECTED, Status.UNKNOWN}:
            self.report.trouble(ExitCode.REJECTED)

    def _aftermath(self, lanes: Lanes, work: Work, token: AccessToken, error: EnvoyError | None) -> None:
        """Let the connection feel what happened: pace, holds, a new token."""
        if error is None:
            work.lane.doubts = 0
            if work.lane.fresh.success_is_news():
                self.holds.succeeded(_id(work))
            return
        work.lane.fresh.forget()
        if isinstance(error, Unauthorised):
            self._renew(lanes, work, token, utc_now())
        elif self._is_held_for(work, error):
            self._close(lanes, work, error)

    def _is_held_for(self, work: Work, error: EnvoyError) -> bool:
        """Hold the connection where the trouble is its own, not the invite's; say whether it is."""
        match error:
            case Throttled():
                self.holds.throttled(_id(work), error.retry_after)
                return True
            case Forbidden():
                return self.holds.forbidden(_id(work))
            case OutcomeUnknown() if error.error_code != CONFLICT:
                # The second in a row is an outage, most likely: all that is sent into it may end in doubt.
                work.lane.doubts += 1
                if work.lane.doubts < DOUBTS_IN_A_ROW:
                    return False
            case NotSent(error_code="lease_over") | Refused() | OutcomeUnknown():
                return False
        self.holds.outage(_id(work))
        return True

    def _renew(self, lanes: Lanes, work: Work, token: AccessToken, now: datetime) -> None:
        """After a 401: once a new token, unless this one was young; a second such 401 holds."""
        if token.is_young(now) and self.holds.unauthorised(_id(work), version=token.version):
            lanes.close(work.lane)
            self.report.trouble(ExitCode.TRY_LATER)
            return
        try:
            self.tokens.access(_id(work), rejected_version=token.version)
        except NeedsAuthorisation as error:
            self._close(lanes, work, error)
        except OF_ONE_CONNECTION as error:
            # The old token is refused and no new one can be had: the next run would only be refused again.
            self.holds.outage(_id(work))
            self._close(lanes, work, error)

    def _close(self, lanes: Lanes, work: Work, error: WorkerError) -> None:
        self.report.trouble(error.exit_code)
        lanes.close(work.lane)


def _nothing_stored(_state: RetryCallState) -> None:
    return None


def _id(work: Work) -> int:
    number = work.lane.connection.id
    assert number is not None  # noqa: S101 -- a stored row has its id
    return number
