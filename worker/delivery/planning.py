"""Plan a page of due rows; one row's wrong name costs Envoy one look at most, and no other row anything."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from worker.connections.model import Connection
from worker.connections.tokens import Tokens
from worker.database import Database
from worker.delivery import events, hosts
from worker.delivery.plan import Plan, plan, rejection
from worker.delivery.rows import DueRow
from worker.directory import Directory, refresh
from worker.envoy.api import EnvoyApi
from worker.errors import EnvoyError, ExitCode, InputError, Throttled, WorkerError
from worker.report import Report

NAMED_IN_DIRECTORY = frozenset({"location", "flow"})


@dataclass(slots=True)
class PagePlanner:
    """Plans rows of one connection with the directory as it is stored, or read anew."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    report: Report
    connection: Connection
    directory: Directory
    now: datetime
    stop: threading.Event
    hosts: dict[str, str] = field(repr=False)  # ids by e-mail, as found in this run
    marked: bool = False  # creates carry a marker in their notes
    out_of_reach: bool = False  # a look at Envoy failed: no other look for this page

    def plan_all(self, page: Sequence[DueRow]) -> Iterator[tuple[DueRow, Plan]]:
        """Yield what is to be done about each row; a row that needs a look which failed is left out.

        Raises:
            NeedsAuthorisation, TryLater, Throttled: the connection is of no use now.
        """
        for row in page:
            if self.stop.is_set():
                return
            try:
                yield row, self._planned(row)
            except Throttled:
                raise
            except EnvoyError as error:
                self.out_of_reach = True
                self.report.trouble(error.exit_code)
            except WorkerError:
                raise
            except Exception as error:  # noqa: BLE001 -- one odd row must not keep the others
                self.report.trouble(ExitCode.UNEXPECTED)
                events.odd(row, error)

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
            host_id=self._host(row),
            now=self.now,
            marked=self.marked,
        )

    def _host(self, row: DueRow) -> str | None:
        wanted = hosts.wanted(row)
        if wanted is None:
            return hosts.given(row)
        if wanted not in self.hosts:
            self._require_reach()
            self.hosts[wanted] = hosts.look_up(wanted, self.connection, self.api, self.tokens)
        return self.hosts[wanted]

    def _require_reach(self) -> None:
        if self.out_of_reach:
            raise EnvoyError("Envoy could not be asked a moment ago")

    def _may_be_news(self, error: InputError, row: DueRow) -> bool:
        """Say whether Envoy may know more; a directory read after the row was written has nothing new."""
        if error.field not in NAMED_IN_DIRECTORY or error.code.endswith("_missing"):
            return False
        refreshed_at = self.directory.refreshed_at
        return refreshed_at is None or refreshed_at < row.changed_at

    def _read_anew(self) -> None:
        self._require_reach()
        self.directory = refresh(self.database, self.api, self.tokens, self.connection)
