"""What a connection feels of an attempt: its pace, holds, a new token, a word with Envoy's host."""

from dataclasses import dataclass
from datetime import datetime

from worker.connections.gate import UNEXPECTED, Gate, speaks_against_the_host
from worker.connections.holds import Holds
from worker.connections.tokens import AccessToken, Tokens
from worker.database import utc_now
from worker.delivery.lane import Work
from worker.delivery.prepare.dispatch import Lanes
from worker.errors import (
    EnvoyError,
    ExitCode,
    Forbidden,
    NeedsAuthorisation,
    OutcomeUnknown,
    SettingsError,
    Throttled,
    TryLater,
    Unauthorised,
    WorkerError,
)
from worker.report import Report

DOUBTS_IN_A_ROW = 2
UNPROVEN_IN_A_ROW = 5
# What hinders one connection, and no other.
OF_ONE_CONNECTION = (NeedsAuthorisation, TryLater, EnvoyError, SettingsError)


@dataclass(frozen=True, slots=True)
class Consequences:
    """Draws the consequences of attempts; shared by the sender threads of a run."""

    tokens: Tokens
    holds: Holds
    gate: Gate
    report: Report

    def of(self, lanes: Lanes, work: Work, token: AccessToken, error: EnvoyError | None) -> None:
        """Let the connection feel how an attempt ended, None being success."""
        if error is None:
            self._succeeded(work)
            return
        work.lane.fresh.forget()
        if isinstance(error, Unauthorised):
            self._renew(lanes, work, token, utc_now())
        elif isinstance(error, Throttled):
            self.holds.throttled(work.lane.connection_id, error.retry_after)
            self.close(lanes, work, error)
        elif isinstance(error, Forbidden):
            if self.holds.forbidden(work.lane.connection_id):
                self.close(lanes, work, error)
        elif speaks_against_the_host(error) or error.error_code == UNEXPECTED:
            self._doubt(lanes, work, token, error)

    def unproven(self, lanes: Lanes, work: Work, error: EnvoyError) -> None:
        """Count a refusal that may not be Envoy's own; several in a row hold the connection."""
        work.lane.unproven += 1
        if work.lane.unproven >= UNPROVEN_IN_A_ROW:
            self.holds.outage(work.lane.connection_id, error)
            self.close(lanes, work, TryLater("what stands before Envoy may have lost its routes"))

    def close(self, lanes: Lanes, work: Work, error: WorkerError) -> None:
        """Use a connection no more in this run, because of *error*."""
        self.report.trouble(error.exit_code)
        lanes.close(work.lane)

    def _succeeded(self, work: Work) -> None:
        work.lane.doubts = work.lane.unproven = 0
        work.lane.on_trial = False
        if work.lane.fresh.success_is_news():
            work.lane.refuted = self.holds.succeeded(work.lane.connection_id)

    def _doubt(self, lanes: Lanes, work: Work, token: AccessToken, error: EnvoyError) -> None:
        """Ask whether it is the host; if it answers, the second such trouble in a row is the connection's.

        So is the first after such a hold.
        """
        work.lane.doubts += 1
        if not isinstance(error, OutcomeUnknown):
            self.report.trouble(error.exit_code)
        try:
            self.gate.require(work.lane.connection_id, lambda: token.value)
        except OF_ONE_CONNECTION as outage:
            self.close(lanes, work, outage)
            return
        if work.lane.on_trial or work.lane.doubts >= DOUBTS_IN_A_ROW:
            self.holds.outage(work.lane.connection_id, error)
            self.close(lanes, work, error)

    def _renew(self, lanes: Lanes, work: Work, token: AccessToken, now: datetime) -> None:
        """After a 401: once a new token, unless this one was young; a second such 401 holds."""
        number = work.lane.connection_id
        if token.is_young(now) and self.holds.unauthorised(number, version=token.version):
            lanes.close(work.lane)
            self.report.trouble(ExitCode.TRY_LATER)
            return
        try:
            self.tokens.access(number, rejected_version=token.version)
        except NeedsAuthorisation as error:
            self.close(lanes, work, error)
        except OF_ONE_CONNECTION as error:
            # The old token is refused and no new one can be had: the next run would only be refused again.
            self.holds.outage(number, error if isinstance(error, EnvoyError) else None)
            self.close(lanes, work, error)
