"""Read a lane's next page of due rows; finish those that need no call, keep the rest as work."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from worker.connections.holds import in_force
from worker.connections.model import Connection, ConnectionStatus
from worker.connections.rows import look
from worker.connections.tokens import Tokens
from worker.database import Database
from worker.delivery import events, hosts
from worker.delivery.lanes import Lane, Lanes, Work
from worker.delivery.plan import Call, Plan, Settled, plan, rejection
from worker.delivery.rows import DueRow, due_page
from worker.delivery.verdicts import settle_without_call
from worker.directory import Directory, load, refresh
from worker.envoy.api import EnvoyApi
from worker.errors import EnvoyError, ExitCode, InputError, NeedsAuthorisation, TryLater, WorkerError
from worker.invites import Status
from worker.report import Report

log = structlog.get_logger()

PAGE = 100
NAMED_IN_DIRECTORY = frozenset({"location", "flow"})


@dataclass(frozen=True, slots=True)
class Filling:
    """What it takes to turn due rows into work."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    report: Report

    def fill(self, lanes: Lanes, lane: Lane) -> None:
        """Put the lane's next page of work into it, or close it where its connection is of no use now."""
        now = self.database.read_now()
        if not self.usable(lanes, lane):
            return
        page = due_page(self.database, lane.name, after=lane.cursor, until=now, size=lanes.page_size(PAGE))
        lane.cursor = page[-1].cursor if page else None
        if not page:
            return
        try:
            decided = self._decide(page, lane.connection, now)
        except WorkerError as error:
            self.give_up(lanes, lane, error)
            return
        finished = [(row, made) for row, made in decided if isinstance(made, Settled)]
        if finished:
            self._finish(lanes, lane, finished)
        lane.ready.extend(Work(lane, row, made) for row, made in decided if isinstance(made, Call))

    def usable(self, lanes: Lanes, lane: Lane) -> bool:
        """Say whether the connection has a token and no hold; close its lane otherwise."""
        connection, now = look(self.database, _id(lane.connection))
        if connection is None or connection.status == ConnectionStatus.REMOVED:
            lanes.close(lane)
            return False
        lane.connection = connection
        if in_force(connection, now):
            self.report.trouble(ExitCode.TRY_LATER)
            lanes.close(lane)
            return False
        try:
            lane.fresh.keep(self.tokens.access(_id(connection)))
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            self.give_up(lanes, lane, error)
            return False
        return True

    def give_up(self, lanes: Lanes, lane: Lane, error: WorkerError) -> None:
        """Close a lane for this run; its invites stay as they are, and burn no attempt."""
        self.report.trouble(error.exit_code)
        lanes.close(lane)

    def _decide(self, page: list[DueRow], connection: Connection, now: datetime) -> list[tuple[DueRow, Plan]]:
        directory = load(self.database, _id(connection))
        decided: list[tuple[DueRow, Plan]] = []
        for row in page:
            try:
                made = self._plan(row, directory, connection, now)
            except InputError as error:
                if _may_be_news(error, row, directory):
                    directory = refresh(self.database, self.api, self.tokens, connection)
                made = self._plan_or_reject(row, directory, connection, now)
            decided.append((row, made))
        return decided

    def _plan(self, row: DueRow, directory: Directory, connection: Connection, now: datetime) -> Plan:
        host = hosts.resolve(row, connection, self.api, self.tokens)
        return plan(row, directory, connection, host_id=host, now=now)

    def _plan_or_reject(
        self, row: DueRow, directory: Directory, connection: Connection, now: datetime
    ) -> Plan:
        try:
            return self._plan(row, directory, connection, now)
        except InputError as error:
            return rejection(error)

    def _finish(self, lanes: Lanes, lane: Lane, finished: list[tuple[DueRow, Settled]]) -> None:
        done = settle_without_call(self.database, finished)
        lanes.settled(lane, len(done))
        for row, settled in done:
            if settled.status is not Status.SENT:
                self.report.add(settled.status)
            if settled.status is Status.REJECTED:
                self.report.trouble(ExitCode.REJECTED)
            events.settled(row, settled)


def _may_be_news(error: InputError, row: DueRow, directory: Directory) -> bool:
    """Say whether Envoy may know more; a directory read after the row was written has nothing new."""
    if error.field not in NAMED_IN_DIRECTORY or error.code.endswith("_missing"):
        return False
    return directory.refreshed_at is None or directory.refreshed_at < row.changed_at


def _id(connection: Connection) -> int:
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    return connection.id
