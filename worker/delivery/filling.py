"""Read a lane's next page of due rows; finish those that need no call, keep the rest as work."""

import threading
from dataclasses import dataclass
from datetime import datetime

import structlog

from worker.connections.gate import Gate
from worker.connections.holds import Holds, in_force
from worker.connections.model import Connection, ConnectionStatus, Host
from worker.connections.outages import was_held_alone
from worker.connections.rows import look
from worker.connections.tokens import AccessToken, Tokens
from worker.database import Database
from worker.delivery import events
from worker.delivery.finishing import settle_without_call
from worker.delivery.lanes import Lane, Lanes, Work
from worker.delivery.plan import Call, Settled
from worker.delivery.planning import PagePlanner
from worker.delivery.rows import DueRow, due_page
from worker.directory import load
from worker.envoy.api import EnvoyApi
from worker.errors import (
    EnvoyError,
    ExitCode,
    NeedsAuthorisation,
    SettingsError,
    Throttled,
    TryLater,
    WorkerError,
)
from worker.invites import Status
from worker.report import Report

log = structlog.get_logger()

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

    def fill(self, lanes: Lanes, lane: Lane) -> None:
        """Put the lane's next page of work into it, or close it where its connection is of no use now."""
        now = self.usable(lanes, lane)
        if now is None:
            return
        page = due_page(self.database, lane.name, after=lane.cursor, until=now, size=lanes.page_size(PAGE))
        lane.cursor = page[-1].cursor if page else None
        if not page:
            return
        try:
            decided = list(self._planner(lane, now).plan_all(page))
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            self.give_up(lanes, lane, error)
            return
        finished = [(row, made) for row, made in decided if isinstance(made, Settled)]
        if finished:
            self._finish(lanes, lane, finished)
        lane.ready.extend(Work(lane, row, made) for row, made in decided if isinstance(made, Call))

    def _planner(self, lane: Lane, now: datetime) -> PagePlanner:
        return PagePlanner(
            database=self.database,
            api=self.api,
            tokens=self.tokens,
            stop=self.stop,
            report=self.report,
            connection=lane.connection,
            directory=load(self.database, _id(lane.connection)),
            now=now,
            looks=lane.looks,
            marked=self.marked,
        )

    def usable(self, lanes: Lanes, lane: Lane) -> datetime | None:
        """Return the database's time where the connection has a token and no hold; else close its lane."""
        host = self.gate.seen()
        connection, now = look(self.database, _id(lane.connection))
        if connection is None or connection.status == ConnectionStatus.REMOVED:
            lanes.close(lane)
            return None
        lane.connection = connection
        if in_force(connection, now):
            self.report.trouble(ExitCode.TRY_LATER)
            lanes.close(lane)
            return None
        lane.on_trial = was_held_alone(connection, host)
        if host.hold_count:
            lane.doubts = 0  # they were the host's
        try:
            self._require_answers(lane, host)
        except (NeedsAuthorisation, TryLater, EnvoyError, SettingsError) as error:
            self.give_up(lanes, lane, error)
            return None
        return now

    def _require_answers(self, lane: Lane, host: Host) -> None:
        """Have a token at hand, and first an answer: none is refreshed while its host does not answer."""
        connection = lane.connection
        self.gate.require_seen(
            host,
            _id(connection),
            lambda: self._token(connection).value,
            resumed=connection.hold_reason is None,
            suspect=lane.on_trial,
        )
        lane.fresh.keep(self._token(connection))

    def _token(self, connection: Connection) -> AccessToken:
        return self.tokens.access(_id(connection))

    def give_up(self, lanes: Lanes, lane: Lane, error: WorkerError) -> None:
        """Close a lane for this run; its invites stay as they are, and burn no attempt."""
        self.report.trouble(error.exit_code)
        if isinstance(error, Throttled):
            self.holds.throttled(_id(lane.connection), error.retry_after)
        elif isinstance(error, SettingsError):
            log.error(
                "token.refresh_failed",
                connection=lane.name,
                error_code="token_unreadable",
                error=str(error),
                hint=error.hint,
            )
        lanes.close(lane)

    def _finish(self, lanes: Lanes, lane: Lane, finished: list[tuple[DueRow, Settled]]) -> None:
        done = settle_without_call(self.database, finished)
        lanes.settled(lane, len(done))
        for row, settled in done:
            if settled.status is not Status.SENT:
                self.report.add(settled.status)
            if settled.status is Status.REJECTED:
                self.report.trouble(ExitCode.REJECTED)
            events.settled(row, settled)


def _id(connection: Connection) -> int:
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    return connection.id
