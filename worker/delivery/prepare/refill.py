"""Read a lane's next page of due rows; finish those that need no call, keep the rest as work."""

import threading
from dataclasses import dataclass, field
from datetime import datetime

from worker.connections.gate import Gate
from worker.connections.holds import Holds, in_force
from worker.connections.model import ENDED_BY_CONSENT, Connection, ConnectionStatus, Host
from worker.connections.outages import was_held_alone
from worker.connections.reading import may_read
from worker.connections.refusing import must_wait
from worker.connections.rows import look
from worker.connections.tokens import AccessToken, Tokens
from worker.database import Database
from worker.delivery import events
from worker.delivery.lane import Lane, Work
from worker.delivery.plan import Call, LookFirst, Settled
from worker.delivery.prepare.dispatch import Lanes
from worker.delivery.prepare.due_page import PAGE_BYTES, due_page
from worker.delivery.prepare.page_planner import PagePlanner
from worker.delivery.restored import Doubtful, leave_in_doubt
from worker.delivery.rows import DueRow
from worker.delivery.store.finishing import settle_without_call
from worker.directory import load
from worker.directory.employees import Remembered
from worker.envoy.api import EnvoyApi
from worker.errors import (
    EnvoyError,
    ExitCode,
    NeedsAuthorisation,
    Throttled,
    TryLater,
    Unauthorised,
    WorkerError,
)
from worker.invites import Status
from worker.invites.restored import since
from worker.report import Report

PAGE = 100


@dataclass(frozen=True, slots=True)
class Filling:
    """What it takes to turn due rows into work."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    holds: Holds
    gate: Gate
    report: Report
    stop: threading.Event
    marked: bool = False
    first_look: float = 0.0  # seconds until what may be in Envoy from before a restore is looked up
    remembered: Remembered = field(default_factory=Remembered)

    def fill(self, lanes: Lanes, lane: Lane) -> None:
        """Put the lane's next page of work into it, or close it where its connection is of no use now."""
        usable = self.usable(lanes, lane)
        if usable is None:
            return
        connection, now = usable
        size, most_bytes = lanes.page_size(PAGE), lanes.page_bytes(PAGE_BYTES)
        found = due_page(
            self.database, lane.name, after=lane.cursor, until=now, size=size, most_bytes=most_bytes
        )
        lane.read_to_end, page = found.is_last, found.rows
        if not page:
            return
        lane.cursor = page[-1].cursor
        try:
            decided = list(self._planner(lane, connection, now).plan_all(page))
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            self.give_up(lanes, lane, error)
            return
        finished = [(row, made) for row, made in decided if isinstance(made, Settled)]
        if finished:
            self._finish(lanes, lane, finished)
        if doubtful := [(row, made) for row, made in decided if isinstance(made, LookFirst)]:
            self._leave_in_doubt(lanes, lane, doubtful)
        lane.ready.extend(Work(lane, row, made) for row, made in decided if isinstance(made, Call))

    def _planner(self, lane: Lane, connection: Connection, now: datetime) -> PagePlanner:
        return PagePlanner(
            database=self.database,
            api=self.api,
            tokens=self.tokens,
            stop=self.stop,
            report=self.report,
            connection=connection,
            directory=load(self.database, lane.connection_id),
            now=now,
            remembered=self.remembered,
            marked=self.marked,
            restored=since(self.database) is not None,
        )

    def usable(self, lanes: Lanes, lane: Lane) -> tuple[Connection, datetime] | None:
        """Return connection and database's time where it has a token and no hold; else close its lane."""
        host = self.gate.seen()
        connection, now = look(self.database, lane.connection_id)
        if connection is None or connection.status == ConnectionStatus.REMOVED:
            lanes.close(lane)
            return None
        if in_force(connection, now) or must_wait(host, connection, now):
            by_consent = connection.hold_reason in ENDED_BY_CONSENT
            self.report.trouble(ExitCode.NEEDS_AUTHORISATION if by_consent else ExitCode.TRY_LATER)
            lanes.close(lane)
            return None
        lane.may_read = may_read(connection, now)
        lane.refusing = host if host.refused_until is not None else None
        lane.on_trial = was_held_alone(connection, host) or lane.refusing is not None
        if host.hold_count:
            lane.doubts = 0  # they were the host's
        try:
            self._require_answers(lane, connection, host)
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            self.give_up(lanes, lane, error)
            return None
        return connection, now

    def _require_answers(self, lane: Lane, connection: Connection, host: Host) -> None:
        """Have a token at hand, and first an answer: none is refreshed while its host does not answer."""
        self.gate.require_seen(
            host,
            lane.connection_id,
            lambda: self._token(lane).value,
            resumed=connection.hold_reason is None,
            suspect=lane.on_trial,
        )
        lane.fresh.keep(self._token(lane))

    def _token(self, lane: Lane) -> AccessToken:
        return self.tokens.access(lane.connection_id)

    def give_up(self, lanes: Lanes, lane: Lane, error: WorkerError) -> None:
        """Close a lane for this run; its invites stay as they are, and burn no attempt."""
        self.report.trouble(error.exit_code)
        if isinstance(error, Throttled):
            self.holds.throttled(lane.connection_id, error.retry_after)
        elif isinstance(error, Unauthorised):
            self.holds.unauthorised(lane.connection_id, version=error.token_version)
        lanes.close(lane)

    def _finish(self, lanes: Lanes, lane: Lane, finished: list[tuple[DueRow, Settled]]) -> None:
        allowed = lanes.allowed(len(finished))
        done = settle_without_call(self.database, finished[:allowed])
        lanes.settled(lane, len(done), allowed=allowed)
        for row, settled in done:
            if settled.status is not Status.SENT:
                self.report.add(settled.status)
            if settled.status is Status.REJECTED:
                self.report.trouble(ExitCode.REJECTED)
            events.settled(row, settled)

    def _leave_in_doubt(self, lanes: Lanes, lane: Lane, rows: list[Doubtful]) -> None:
        """Leave what Envoy may have from before a restore to be looked up."""
        allowed = lanes.allowed(len(rows))
        done = leave_in_doubt(self.database, rows[:allowed], first_look=self.first_look)
        lanes.settled(lane, len(done), allowed=allowed)
        for row, _ in done:
            self.report.add(Status.UNKNOWN)
            self.report.trouble(ExitCode.REJECTED)
            events.restored(row, looked_up=lane.may_read)
