"""Plan a page of due rows; one row's wrong name costs Envoy one look at most, and no other row anything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from worker.clock import boot_clock
from worker.connections.model import Connection
from worker.connections.tokens.access import Tokens
from worker.database import Database
from worker.delivery import events
from worker.delivery.due import DueRow
from worker.delivery.plan import Plan, plan, rejection
from worker.delivery.prepare import hosts
from worker.directory import Directory, employees, refresh
from worker.directory.employees import Look, Remembered, Sought
from worker.directory.entries import Location
from worker.envoy.api import EnvoyApi
from worker.envoy.paging import NO_LIST
from worker.errors import (
    EnvoyError,
    ExitCode,
    Forbidden,
    InputError,
    Refused,
    Throttled,
    Unauthorised,
    WorkerError,
)
from worker.invites.signs import CODES
from worker.report import Report

NAMED_IN_DIRECTORY = frozenset({"location", "flow"})
REST_SHARE = 3.0  # of the time that a look took which failed


class MayNotAskError(Exception):
    """Too many preparers wait for Envoy's answers: the row is planned when fewer do."""


@dataclass(slots=True)
class PagePlanner:
    """Plans rows of one connection with the directory as it is stored, or read again."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    report: Report
    connection: Connection
    directory: Directory
    now: datetime
    ends: Callable[[], bool]
    may_ask: Callable[[], bool]
    remembered: Remembered = field(repr=False)  # hosts, as they were looked up in this run
    marker: bool = False  # creates carry a marker in their notes
    restored: bool = False  # the database comes from a backup
    was_refused: bool = False  # the token before this one, when Envoy was asked for a host or a name
    no_looks_until: float = 0.0  # on the boot clock: a look at Envoy failed, and took long
    out_of_reach: bool = False  # a look at Envoy failed: no other look for this page
    answered: bool = False  # Envoy was asked, and has accepted the token
    reached: DueRow | None = None  # the last row that was planned or left out
    unlisted: set[Sought | None] = field(default_factory=set, repr=False)  # no list came of them

    def plan_all(self, page: Sequence[DueRow]) -> Iterator[tuple[DueRow, Plan]]:
        """Yield what is to be done about each row; a row that needs a look which failed is left out.

        It ends early where the run does, or where no more may be asked now.

        Raises:
            BeingRefreshed: the connection has no token before its refresh has ended.
            NeedsAuthorisation, TryLater, Throttled, Unauthorised: it is of no use now.
        """
        for row in page:
            if self.ends():
                return
            try:
                yield row, self._planned(row)
            except MayNotAskError:
                return
            except (Throttled, Unauthorised):
                raise
            except EnvoyError as error:
                self.report.trouble(error.exit_code)
            except WorkerError:
                raise
            except Exception as error:  # noqa: BLE001 -- one odd row must not keep the others
                self.report.trouble(ExitCode.UNEXPECTED)
                events.odd(row, error)
            self.reached = row

    def _planned(self, row: DueRow) -> Plan:
        try:
            return self._plan(row)
        except InputError as error:
            if not self._may_be_news(error, row):
                return rejection(error)
        self._read_anew()
        try:
            return self._plan(row)
        except InputError as error:
            return rejection(error)

    def _plan(self, row: DueRow) -> Plan:
        return plan(
            row,
            self.directory,
            self.connection,
            host_of=self._host,
            now=self.now,
            marker=self.marker,
            restored=self.restored,
        )

    def _host(self, row: DueRow, location: Location) -> str | None:
        place = hosts.Place(location, self.directory)
        return hosts.host_of(row, place, self.connection, known=self._known, look_up=self._look_up)

    def _known(self, sought: Sought) -> Look | None:
        look = self.remembered.get(self._connection_id, sought)
        if look is None:
            look = employees.known(self.database, self._connection_id, sought)
            if look is not None:
                self.remembered.keep(self._connection_id, sought, look)
        return look if look is not None and look.is_fresh(self.now) else None

    def _look_up(self, sought: Sought) -> Look:
        with self._within_reach(sought):
            try:
                look = employees.look_up(
                    self.database,
                    self.api,
                    self.tokens,
                    self._connection_id,
                    sought,
                    patience_seconds=self._patience_seconds,
                )
            except Forbidden:
                raise hosts.not_permitted() from None
            except Refused as error:
                raise hosts.not_searchable(error.error_code) from None
        self.remembered.keep(self._connection_id, sought, look)
        return look

    @property
    def _connection_id(self) -> int:
        assert self.connection.id is not None  # noqa: S101 -- a stored row has its id
        return self.connection.id

    @contextmanager
    def _within_reach(self, sought: Sought | None) -> Iterator[None]:
        """Ask Envoy for a host, or for the directory (None), unless that was in vain a moment ago.

        What is no list is so for one question; whatever else goes wrong, goes wrong for all.
        """
        began = boot_clock()
        if self.out_of_reach or sought in self.unlisted or began < self.no_looks_until:
            raise EnvoyError("Envoy could not be asked a moment ago")
        if not self.may_ask():
            raise MayNotAskError
        try:
            yield
        except EnvoyError as error:
            if error.error_code in NO_LIST:
                self.unlisted.add(sought)
            else:
                self.out_of_reach = True
                self.no_looks_until = boot_clock() + REST_SHARE * (boot_clock() - began)
            self.answered = not isinstance(error, Unauthorised)
            raise
        self.answered = True

    def _may_be_news(self, error: InputError, row: DueRow) -> bool:
        """Return whether Envoy may know more; a directory read after the row was written has nothing new."""
        if error.field not in NAMED_IN_DIRECTORY or error.code.endswith("_missing") or error.code in CODES:
            return False
        refreshed_at = self.directory.refreshed_at
        return refreshed_at is None or refreshed_at < row.changed_at

    def _read_anew(self) -> None:
        with self._within_reach(None):
            self.directory = refresh(
                self.database,
                self.api,
                self.tokens,
                self.connection,
                patience_seconds=self._patience_seconds,
            )

    @property
    def _patience_seconds(self) -> float | None:
        return None if self.was_refused else 0.0
