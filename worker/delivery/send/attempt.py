"""Make one attempt: claim with intent, one request, one verdict; in this order, and nothing between."""

import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass

import structlog

from worker.connections.gate import UNEXPECTED, Gate
from worker.connections.tokens import AccessToken, Tokens
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS
from worker.delivery import events, outcomes, unstored
from worker.delivery.alike import Alike
from worker.delivery.consequences import OF_ONE_CONNECTION, Consequences
from worker.delivery.lane import Work
from worker.delivery.outcomes import Outcome
from worker.delivery.prepare.dispatch import Lanes
from worker.delivery.proving import Proving
from worker.delivery.send.judge import Judge
from worker.delivery.store.claim import Claim, Claims
from worker.delivery.store.database_away import AWAY, Patience
from worker.delivery.store.unheard import take_back
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.envoy.api import EnvoyApi, Written
from worker.envoy.clock import boot_clock
from worker.errors import (
    DatabaseLocked,
    DatabaseUnfit,
    EnvoyError,
    ExitCode,
    OutcomeUnknown,
    TryLater,
    Unauthorised,
)
from worker.failpoints import failpoint
from worker.invites import Kind, Status, Verdict
from worker.report import Report

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answered:
    """What one attempt came to, before it is stored."""

    claim: Claim
    token: AccessToken
    outcome: Outcome
    error: EnvoyError | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Sending:
    """What it takes to make attempts; shared by the sender threads of a run."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    gate: Gate
    consequences: Consequences
    report: Report
    claims: Claims
    verdicts: Verdicts
    judge: Judge
    proving: Proving
    alike: Alike
    patience_seconds: float
    stop: threading.Event
    requests: threading.Semaphore  # as many as may be claimed and in flight at once

    def send(self, lanes: Lanes, work: Work) -> None:
        """Make one attempt, and give the work back whatever happens."""
        with unstored.attempting():
            self._send(lanes, work)

    def _send(self, lanes: Lanes, work: Work) -> None:
        answered: Answered | None = None
        progressed = False
        try:
            with self.requests:
                answered = self._attempt(lanes, work)
                if answered is not None and answered.error is not None:
                    progressed = self._settle(lanes, work, answered)
            # A success holds nothing back: the next request goes out while its verdict is being stored.
            if answered is not None and answered.error is None:
                progressed = self._settle(lanes, work, answered)
        finally:
            lanes.done(work, progressed=progressed, attempted=answered is not None)

    def _attempt(self, lanes: Lanes, work: Work) -> Answered | None:
        """Claim the row and make its one request; None where it is not to be sent now."""
        token = self._token(lanes, work)
        if token is None or self.stop.is_set():
            return None
        if not self._may_try(lanes, work):
            return None
        claimed = self._claim(work)
        if claimed is None:
            return None
        began = boot_clock()
        failpoint("before_connect")
        outcome, error = self._request(work, claimed, token)
        self.gate.note(error)
        failpoint("after_answer")
        return Answered(claimed, token, outcome, error, round((boot_clock() - began) * 1000))

    def _claim(self, work: Work) -> Claim | None:
        attempt_id = uuid.uuid4().hex
        try:
            trial = work.lane.refusing is not None
            return self.claims.take(work.row, work.call, attempt_id, trial=trial)
        except (DatabaseLocked, DatabaseUnfit):
            raise  # it was not even begun, or surely not committed
        except DATABASE_ERRORS:
            policy = Patience(self.stop, self.patience_seconds).policy()
            with suppress(*DATABASE_ERRORS):
                policy(take_back, self.database, work.row, attempt_id)
            raise

    def _may_try(self, lanes: Lanes, work: Work) -> bool:
        """Say whether to make a request; while Envoy refuses everyone, one process at a time tries one."""
        seen = work.lane.refusing
        if seen is None or self.alike.refusing.take_trial(seen):
            return True
        self.consequences.close(
            lanes, work, TryLater("another process tries whether Envoy still refuses all")
        )
        return False

    def _token(self, lanes: Lanes, work: Work) -> AccessToken | None:
        fresh = work.lane.fresh
        try:
            token = fresh.token() or fresh.keep(self.tokens.access(work.lane.connection_id))
            self.gate.require(work.lane.connection_id, lambda: token.value)
        except OF_ONE_CONNECTION as error:
            self.consequences.close(lanes, work, error)
            return None
        return token

    def _settle(self, lanes: Lanes, work: Work, answered: Answered) -> bool:
        """Store the verdict, tell it and draw its consequences; say whether the row got anywhere."""
        claimed, outcome = answered.claim, answered.outcome
        stored = self._store(work, claimed, outcome)
        if stored is None:
            return False
        self._count(outcome)
        events.attempted(
            work.row,
            claimed,
            outcome,
            stored,
            answered.duration_ms,
            looked_up=work.lane.may_read,
            rival=self._rival(work, answered, stored),
        )
        self.consequences.of(lanes, work, answered.token, answered.error)
        self._compare(lanes, work, answered)
        again = outcome.at_once or isinstance(answered.error, Unauthorised)
        if outcome.unproven is not None and stored is Stored.SETTLED:
            again = self._prove(lanes, work, answered)
        return again or outcome.verdict is not Verdict.DEFERRED

    def _compare(self, lanes: Lanes, work: Work, answered: Answered) -> None:
        """Find out whether Envoy refuses everyone alike, or no longer does."""
        lane, refusal = work.lane, answered.outcome.refusal
        if answered.error is None and (lane.refusing is not None or lane.refuted):
            lane.refusing, lane.refuted = None, False
            self.alike.refusing.end()
        reopened = 0 if refusal is None else self.alike.examine(refusal)
        if reopened:
            self.report.reopened(reopened)
        if reopened or lane.refusing is not None:  # one request was the trial
            self.consequences.close(lanes, work, TryLater("Envoy refuses everyone alike"))

    def _prove(self, lanes: Lanes, work: Work, answered: Answered) -> bool:
        """Find out whether a refusal was Envoy's own; say whether the row is due at once for it."""
        assert answered.error is not None  # noqa: S101 -- it was refused
        try:
            if self.proving.prove(work, answered.token.value, answered.error):
                return True
        except EnvoyError as error:
            self.gate.note(error)
            self.consequences.of(lanes, work, answered.token, error)
        except OF_ONE_CONNECTION as error:
            self.consequences.close(lanes, work, error)
        self.consequences.unproven(lanes, work, answered.error)
        return False

    def _request(self, work: Work, claimed: Claim, token: AccessToken) -> tuple[Outcome, EnvoyError | None]:
        """Make the one request, and say what it came to."""
        error: EnvoyError
        try:
            answer = self._call(work, claimed, token.value)
        except EnvoyError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 -- whatever it was, the request may have gone out
            error = OutcomeUnknown(f"unexpected {type(raised).__name__}", error_code=UNEXPECTED)
        else:
            return outcomes.accepted(work.call, work.row, answer), None
        return self.judge.outcome(work, error), error

    def _call(self, work: Work, claimed: Claim, token: str) -> Written:
        row, call, guard = work.row, work.call, claimed.require_time
        if call.kind is Kind.CREATE:
            return self.api.create_invite(token, call.body, request_id=claimed.attempt_id, before_write=guard)
        assert row.envoy_invite_id is not None  # noqa: S101 -- the plan says so
        if call.kind is Kind.UPDATE:
            return self.api.update_invite(
                token, row.envoy_invite_id, call.body, request_id=claimed.attempt_id, before_write=guard
            )
        return self.api.remove_invite(
            token, row.envoy_invite_id, request_id=claimed.attempt_id, before_write=guard
        )

    def _store(self, work: Work, claimed: Claim, outcome: Outcome) -> Stored | None:
        """Store the verdict, again and again until it is taken; the request is never repeated."""
        patience = Patience(self.stop, self.patience_seconds)
        try:
            return self.verdicts.store(work.row, claimed, outcome, patience)
        except Exception as error:
            unstored.tell(work.row, claimed, outcome)
            if not isinstance(error, AWAY):
                raise
            self.report.trouble(error.exit_code)
            return None

    def _rival(self, work: Work, answered: Answered, stored: Stored) -> str | None:
        """Return another id of the same visit; what is stored is told, even if the database is away again."""
        with suppress(*DATABASE_ERRORS):
            return self.verdicts.rival(work.row, answered.claim, answered.outcome, stored)
        return None

    def _count(self, outcome: Outcome) -> None:
        self.report.add(outcome.event)
        if outcome.status in {Status.REJECTED, Status.UNKNOWN}:
            self.report.trouble(ExitCode.REJECTED)
