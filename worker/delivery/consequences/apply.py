"""What a connection feels of an attempt: its pace, holds, a new token, a word with Envoy's host."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from worker.connections.tokens.access import Tokens
from worker.connections.tokens.expiry import AccessToken
from worker.connections.usable.gate import UNEXPECTED, Gate, speaks_against_the_host
from worker.connections.usable.holds import Holds
from worker.database import utc_now
from worker.delivery.consequences.probes import Proving
from worker.delivery.consequences.refused_alike import Alike
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane
from worker.delivery.send.attempt import Attempt
from worker.errors import (
    OF_ONE_CONNECTION,
    EnvoyError,
    ExitCode,
    Forbidden,
    NeedsAuthorisation,
    OutcomeUnknown,
    Throttled,
    TryLater,
    Unauthorised,
    WorkerError,
)
from worker.report import Report

DOUBTS_IN_A_ROW = 2
UNPROVEN_IN_A_ROW = 5
Later: TypeAlias = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Consequences:
    """Draws the consequences of attempts, once their verdicts are stored."""

    lanes: Lanes
    tokens: Tokens
    holds: Holds
    gate: Gate
    proving: Proving
    alike: Alike
    report: Report

    def draw(self, attempt: Attempt, *, later: Later) -> bool:
        """Let the connection feel how an attempt ended; return whether its row is due at once.

        What waits for a refresh is done *later*, in a call of its own.
        """
        if attempt.error is None:
            self.succeeded(attempt.work.lane)
        else:
            self._feel(attempt.work.lane, attempt.token, attempt.error, later)
        self._compare(attempt)
        return attempt.outcome.at_once or isinstance(attempt.error, Unauthorised)

    def prove(self, attempt: Attempt, *, later: Later) -> bool:
        """Find out whether a refusal was Envoy's own; return whether the row is due at once for it.

        Envoy is asked, and may not answer for long.
        """
        assert attempt.error is not None  # noqa: S101 -- it was refused
        lane = attempt.work.lane
        try:
            if self.proving.prove(attempt.work, attempt.token.value, attempt.error):
                return True
        except EnvoyError as error:
            self.gate.note(error)
            self._feel(lane, attempt.token, error, later)
        except OF_ONE_CONNECTION as error:
            self._close(lane, error)
        self._unproven(lane, attempt.error)
        return False

    def succeeded(self, lane: Lane) -> None:
        """Let past troubles be forgotten."""
        lane.doubts = lane.unproven = 0
        lane.on_trial = False
        if lane.success_is_news():
            lane.refuted = self.holds.succeeded(lane.connection_id)

    def _feel(self, lane: Lane, token: AccessToken, error: EnvoyError, later: Later) -> None:
        """Let a connection feel how a request of its ended."""
        lane.expect_success()
        if isinstance(error, Unauthorised):
            self._renew(lane, token, later)
        elif isinstance(error, Throttled):
            self.holds.throttled(lane.connection_id, error.retry_after)
            self._close(lane, error)
        elif isinstance(error, Forbidden):
            if self.holds.forbidden(lane.connection_id):
                self._close(lane, error)
        elif speaks_against_the_host(error) or error.error_code == UNEXPECTED:
            self._doubt(lane, token, error)

    def _close(self, lane: Lane, error: WorkerError) -> None:
        """Use a connection no more before it is found usable again, because of *error*."""
        self.report.trouble(error.exit_code)
        self.lanes.close(lane)

    def _doubt(self, lane: Lane, token: AccessToken, error: EnvoyError) -> None:
        """Ask whether it is the host; if it answers, the second such trouble in a row is the connection's.

        So is the first after such a hold.
        """
        lane.doubts += 1
        if not isinstance(error, OutcomeUnknown):
            self.report.trouble(error.exit_code)
        try:
            self.gate.require(lane.connection_id, lambda: token.value)
        except OF_ONE_CONNECTION as outage:
            self._close(lane, outage)
            return
        if lane.on_trial or lane.doubts >= DOUBTS_IN_A_ROW:
            self.holds.outage(lane.connection_id, error)
            self._close(lane, error)

    def _renew(self, lane: Lane, token: AccessToken, later: Later) -> None:
        """After a 401: once a new token, unless this one was young; a second such 401 holds."""
        number = lane.connection_id
        if token.is_young(utc_now()) and self.holds.unauthorised(number, version=token.version):
            self.lanes.close(lane)
            self.report.trouble(ExitCode.TRY_LATER)
            return
        with self._of_refresh(lane):
            renewed = self.tokens.at_hand(number, rejected_version=token.version)
            if isinstance(renewed, Future):
                self.lanes.suspend(lane)
                renewed.add_done_callback(lambda done: later(lambda: self._renewed(lane, done)))

    def _renewed(self, lane: Lane, done: Future[AccessToken]) -> None:
        try:
            with self._of_refresh(lane):
                done.result()
        finally:
            self.lanes.resume(lane)

    @contextmanager
    def _of_refresh(self, lane: Lane) -> Iterator[None]:
        """Close a lane whose token was refused, and that gets no other."""
        try:
            yield
        except NeedsAuthorisation as error:
            self._close(lane, error)
        except OF_ONE_CONNECTION as error:
            # The old token is refused and no new one can be had: the next run would only be refused again.
            self.holds.outage(lane.connection_id, error if isinstance(error, EnvoyError) else None)
            self._close(lane, error)

    def _compare(self, attempt: Attempt) -> None:
        """Find out whether Envoy refuses everyone alike, or no longer does."""
        lane, refusal = attempt.work.lane, attempt.outcome.refusal
        if attempt.error is None and (lane.refusing is not None or lane.refuted):
            lane.refusing, lane.refuted = None, False
            self.alike.refusing.end()
        reopened = 0 if refusal is None else self.alike.examine(refusal)
        if reopened:
            self.report.reopened(reopened)
        if reopened or lane.refusing is not None:  # one request was the trial
            self._close(lane, TryLater("Envoy refuses everyone alike"))

    def _unproven(self, lane: Lane, error: EnvoyError) -> None:
        """Count a refusal that may not be Envoy's own; several in a row hold the connection."""
        lane.unproven += 1
        if lane.unproven >= UNPROVEN_IN_A_ROW:
            self.holds.outage(lane.connection_id, error)
            self._close(lane, TryLater("what stands before Envoy may have lost its routes"))
