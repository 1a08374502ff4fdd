"""Find out whether a connection may be used now, and have a token at hand; a refresh is not waited for."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.clock import boot_clock
from worker.connections.model import Connection, Host
from worker.connections.rows import look_in
from worker.connections.scopes import may_read
from worker.connections.states import ENDED_BY_CONSENT, ConnectionStatus, WaitReason
from worker.connections.tokens.access import Tokens
from worker.connections.tokens.expiry import AccessToken
from worker.connections.usable.finding import set_aside
from worker.connections.usable.gate import AskedNow, Gate
from worker.connections.usable.holds import Holds, in_force
from worker.connections.usable.host_outage import was_held_alone
from worker.connections.usable.refusing import Refusing, must_wait
from worker.database import Database
from worker.delivery.lanes.lane import Lane
from worker.errors import (
    OF_ONE_CONNECTION,
    DatabaseLocked,
    ExitCode,
    Throttled,
    TryLater,
    Unauthorised,
    WorkerError,
)
from worker.report import Report

BELIEVED_SECONDS = 5.0
BELIEVED_SHARE = 0.05  # of a token's life, where that is shorter
SOON_SECONDS = 0.2  # until a probe that is under way is asked for again
REST_SECONDS = 5.0  # of a connection that has no token at hand, and no hold for it
# While it is looked at nothing is written but its own row, which somebody may have locked.
OF_ITS_ROW = (*OF_ONE_CONNECTION, DatabaseLocked)


@dataclass(frozen=True, slots=True)
class Usable:
    """A connection that may be used, as it was read at *now*."""

    connection: Connection
    now: datetime


@dataclass(frozen=True, slots=True)
class NotYet:
    """It is to be looked at again: after so many seconds, or when its refresh has ended."""

    seconds: float = 0.0
    refresh: Future[AccessToken] | None = None


@dataclass(frozen=True, slots=True)
class Usability:
    """Returns whether lanes may be used; shared by the preparers of a run."""

    database: Database
    tokens: Tokens
    holds: Holds
    gate: Gate
    refusing: Refusing
    report: Report
    stop: threading.Event

    def check(self, lane: Lane) -> Usable | NotYet | None:
        """Return the connection of a lane; None if it is of no use in this run.

        Raises:
            WorkerError: not the connection is at fault, but the database, the disk or the keys.
        """
        with self.database.read() as reader:
            host = self.gate.seen_in(reader)
            connection, now = look_in(reader, self.database, lane.connection_id)
        if connection is None or connection.status == ConnectionStatus.REMOVED:
            return None
        if in_force(connection, now) or must_wait(host, connection, now):
            by_consent = connection.hold_reason in ENDED_BY_CONSENT
            self.report.trouble(ExitCode.NEEDS_AUTHORISATION if by_consent else ExitCode.TRY_LATER)
            return None
        _note(lane, connection, host, now)
        try:
            _heed_refresh(lane)
            return self._with_token(lane, connection, host, now) or Usable(connection, now)
        except AskedNow:
            return NotYet(SOON_SECONDS)
        except OF_ITS_ROW as error:
            self.give_up(lane, error)
            return None

    def _with_token(self, lane: Lane, connection: Connection, host: Host, now: datetime) -> NotYet | None:
        """Have a token at hand, and first an answer: nothing is sent while its host does not answer."""
        try:
            token = self.tokens.at_hand(lane.connection_id, seen=(connection, now))
        except TryLater as error:
            self._set_aside(lane, error)
            raise
        if isinstance(token, Future):
            lane.refresh = token
            return NotYet(refresh=token)
        self.gate.require_seen(
            host,
            lane.connection_id,
            lambda: token.value,
            resumed=connection.hold_reason is None,
            suspect=lane.on_trial,
            patience_seconds=0.0,
        )
        if lane.refusing is not None and not lane.ready and not self.refusing.take_trial(lane.refusing):
            raise TryLater("another process tries whether Envoy still refuses all")
        lane.token = token
        lane.checked_until = boot_clock() + _believed(token)
        return None

    def give_up(self, lane: Lane, error: WorkerError) -> None:
        """Store why a connection is of no use now; its invites stay as they are, and use up no attempt."""
        self.report.trouble(error.exit_code)
        if isinstance(error, Throttled):
            self.holds.throttled(lane.connection_id, error.retry_after)
        elif isinstance(error, Unauthorised):
            self.holds.unauthorised(lane.connection_id, version=error.token_version)

    def _set_aside(self, lane: Lane, error: TryLater) -> None:
        """Have nobody look at a connection before it may have a token: the longer wait of the two counts."""
        if not self.stop.is_set():
            seconds = max(REST_SECONDS, error.retry_after or 0.0)
            set_aside(self.database, lane.connection_id, WaitReason.COOLING, seconds)


def _heed_refresh(lane: Lane) -> None:
    """Raise what the refresh met that a lane waited for, where the next one would meet it, too."""
    refresh, lane.refresh = lane.refresh, None
    error = refresh.exception() if refresh is not None and refresh.done() else None
    if error is not None and not isinstance(error, OF_ONE_CONNECTION):
        raise error


def _note(lane: Lane, connection: Connection, host: Host, now: datetime) -> None:
    """Take over what the attempts of a lane depend on."""
    lane.may_read = may_read(connection, now)
    lane.refusing = host if host.refused_until is not None else None
    lane.on_trial = was_held_alone(connection, host) or lane.refusing is not None
    lane.disturbed = _is_disturbed(connection)
    if host.hold_count:
        lane.doubts = 0  # they were the host's


def _is_disturbed(connection: Connection) -> bool:
    """Return whether the next success puts something right."""
    counts = connection.hold_count or connection.forbidden_count or connection.unauthorised_count
    return bool(counts or connection.hold_reason or connection.pace_per_second is not None)


def _believed(token: AccessToken) -> float:
    life = (token.expires_at - token.issued_at) / timedelta(seconds=1)
    return min(BELIEVED_SECONDS, BELIEVED_SHARE * life)
