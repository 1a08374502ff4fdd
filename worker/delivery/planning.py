"""Plan a page of due rows; one row's wrong name costs Envoy one look at most, and no other row anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.connections.model import Connection
from worker.connections.tokens import Tokens
from worker.database import Database
from worker.delivery import hosts
from worker.delivery.plan import Plan, plan, rejection
from worker.delivery.rows import DueRow
from worker.directory import Directory, refresh
from worker.envoy.api import EnvoyApi
from worker.errors import EnvoyError, InputError
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
    unreadable: bool = False  # the directory could not be read anew: not again for this page

    def plan_all(self, page: Sequence[DueRow]) -> Iterator[tuple[DueRow, Plan]]:
        """Yield what is to be done about each row; a row that needs a look which failed is left out.

        Raises:
            NeedsAuthorisation, TryLater: the connection is of no use now.
        """
        for row in page:
            try:
                yield row, self._planned(row)
            except EnvoyError as error:
                self.report.trouble(error.exit_code)

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
        host = hosts.resolve(row, self.connection, self.api, self.tokens)
        return plan(row, self.directory, self.connection, host_id=host, now=self.now)

    def _may_be_news(self, error: InputError, row: DueRow) -> bool:
        """Say whether Envoy may know more; a directory read after the row was written has nothing new."""
        if error.field not in NAMED_IN_DIRECTORY or error.code.endswith("_missing"):
            return False
        refreshed_at = self.directory.refreshed_at
        return refreshed_at is None or refreshed_at < row.changed_at

    def _read_anew(self) -> None:
        if self.unreadable:
            raise EnvoyError("the directory could not be read anew")
        self.unreadable = True
        self.directory = refresh(self.database, self.api, self.tokens, self.connection)
        self.unreadable = False
