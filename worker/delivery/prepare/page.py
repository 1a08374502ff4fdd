"""Prepare a lane's next page: finish the rows that need no call, and put the others among the ready work."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from worker.clock import boot_clock
from worker.connections.model import Connection
from worker.connections.states import WaitReason
from worker.connections.tokens.access import Tokens
from worker.connections.usable.finding import set_aside
from worker.connections.usable.pace import LOCKED_TIMES, WITHIN_SECONDS, Slots, give_back, reserve_in
from worker.database import Database
from worker.delivery import events
from worker.delivery.due import DueRow
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.plan import Call, LookFirst, Plan, Settled
from worker.delivery.prepare.due_page import PAGE_BYTES, Due, DuePage, due_page_in
from worker.delivery.prepare.page_planner import PagePlanner
from worker.delivery.recovery.restored import Doubtful, leave_in_doubt
from worker.delivery.store.finishing import settle_without_call
from worker.delivery.store.journal import Journal
from worker.directory import Directory, load_in
from worker.directory.employees import Remembered
from worker.envoy.api import EnvoyApi
from worker.errors import ExitCode, TryLater
from worker.invites import Status
from worker.invites.restored import since_in
from worker.report import Report

LONG_SECONDS = 1.0


@dataclass(slots=True)
class Decided:
    """What was found out about the rows of a page that need no call, in their order."""

    finished: list[tuple[DueRow, Settled]] = field(default_factory=list)
    doubtful: list[Doubtful] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pages:
    """Turns due rows into ready work; shared by the preparers of a run."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    report: Report
    journal: Journal
    rate_per_second: float
    marker: bool = False
    first_look: float = 0.0  # seconds until what may be in Envoy from before a restore is looked up
    remembered: Remembered = field(default_factory=Remembered)

    def prepare(self, lanes: Lanes, lane: Lane, connection: Connection, now: datetime) -> float:
        """Prepare the next page; return after how many seconds it makes sense to prepare another.

        Raises:
            NeedsAuthorisation, TryLater, EnvoyError: the connection is of no use now.
        """
        found, directory, restored = self._read(lane, connection, now)
        slots = self._slots(lane, len(found.rows))
        page = found.rows[: len(slots.waits)]
        lane.read_to_end = found.is_last and len(page) == len(found.rows)
        if page:
            planner = self._planner(lanes, lane, connection, now, directory, restored=restored)
            used = self._plan(lanes, lane, page, slots, planner)
            if used < len(slots.waits) and self.rate_per_second:
                give_back(self.database, lane.connection_id, slots, len(slots.waits) - used)
        return self._next_page_in(slots) if slots.next_in or len(page) < len(found.rows) else 0.0

    def _read(self, lane: Lane, connection: Connection, now: datetime) -> tuple[DuePage, Directory, bool]:
        """Return the due rows, the directory, and whether the database comes from a backup, in one look."""
        with self.database.read() as reader:
            due = Due(lane.name, now, lane.cursor, self._size(lane), lane.part)
            found = due_page_in(reader, self.database, due, min(PAGE_BYTES, lane.room_bytes))
            kept = lane.directory
            if kept is None or kept.refreshed_at != connection.directory_refreshed_at:
                kept = load_in(reader, lane.connection_id)
            return found, kept, since_in(reader) is not None

    def _next_page_in(self, slots: Slots) -> float:
        """Return when half of the places are used up: a page for each place would cost as much as sending."""
        last = slots.waits[-1] if slots.waits else 0.0
        return max(slots.next_in, last - WITHIN_SECONDS / 2)

    def _plan(
        self, lanes: Lanes, lane: Lane, page: Sequence[DueRow], slots: Slots, planner: PagePlanner
    ) -> int:
        """Put each row that needs a call among the ready work as soon as it is planned; return how many."""
        began, used, decided = boot_clock(), 0, Decided()
        before, sweep = lane.cursor, lane.sweeps
        lane.cursor = page[-1].cursor
        try:
            for row, made in planner.plan_all(page):
                if not isinstance(made, Call):
                    _sort(decided, row, made)
                elif lanes.put(Work(lane, row, made, began + slots.waits[used])):
                    used += 1
                else:  # it was stopped amid its page: what is left of that is read again
                    lane.look_again = True
                    break
        finally:
            if planner.answered:
                lane.was_refused = False
            lane.directory, lane.no_looks_until = planner.directory, planner.no_looks_until
            if planner.reached is not page[-1] and lane.sweeps == sweep:
                lane.cursor = planner.reached.cursor if planner.reached else before
                lane.read_to_end = False
            self._settle(lanes, lane, decided)
        return used

    def _size(self, lane: Lane) -> int:
        """Return how many rows to read: not more than may be sent before it is looked at again."""
        if not self.rate_per_second:
            return lane.room
        return min(lane.room, int(self.rate_per_second * WITHIN_SECONDS) + 1)

    def _slots(self, lane: Lane, number: int) -> Slots:
        """Reserve places for so many rows, along with what else is to be written."""
        if not self.rate_per_second or not number:
            return Slots((0.0,) * number)
        rate, database = self.rate_per_second, self.database
        slots = self.journal.write(
            lambda writer: reserve_in(writer, database, lane.connection_id, rate, number)
        )
        lane.locked_looks = lane.locked_looks + 1 if slots.is_locked else 0
        if lane.locked_looks >= LOCKED_TIMES:
            lane.locked_looks = 0
            raise TryLater(f"{lane.name}: another transaction has its row locked")
        if not slots.waits and slots.next_in > LONG_SECONDS:  # no other run need look before
            set_aside(database, lane.connection_id, WaitReason.PACE, slots.next_in)
        return slots

    def _planner(
        self,
        lanes: Lanes,
        lane: Lane,
        connection: Connection,
        now: datetime,
        directory: Directory,
        *,
        restored: bool,
    ) -> PagePlanner:
        return PagePlanner(
            database=self.database,
            api=self.api,
            tokens=self.tokens,
            ends=lanes.is_over,
            may_ask=lambda: lanes.may_ask(lane),
            report=self.report,
            connection=connection,
            directory=directory,
            now=now,
            remembered=self.remembered,
            marker=self.marker,
            restored=restored,
            no_looks_until=lane.no_looks_until,
            was_refused=lane.was_refused,
        )

    def _settle(self, lanes: Lanes, lane: Lane, decided: Decided) -> None:
        if decided.finished:
            self._finish(lanes, lane, decided.finished)
        if decided.doubtful:
            self._leave_in_doubt(lanes, lane, decided.doubtful)

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


def _sort(decided: Decided, row: DueRow, made: Plan) -> None:
    if isinstance(made, Settled):
        decided.finished.append((row, made))
    elif isinstance(made, LookFirst):
        decided.doubtful.append((row, made))
