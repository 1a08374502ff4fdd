"""One run of retention: clear what is personal, delete what is history, batch by batch."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from worker.database import Database
from worker.failpoints import failpoint
from worker.report import Report
from worker.retention import clearing, ledger
from worker.retention.finished import count, pages
from worker.settings.model import RetentionSettings

CLEARED, ATTEMPTS_DELETED = "cleared", "attempts_deleted"


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is to be pruned; ``more`` is asked before each batch, ``limit`` counts invites."""

    database: Database
    settings: RetentionSettings
    more: Callable[[], bool]
    connection: str | None = None
    limit: int | None = None

    def run(self) -> Report:
        """Clear and delete, and say how much; what ends early is gone on with by the next run."""
        report = _report()
        if self.settings.personal_days:
            self._clear(report)
        if self.settings.history_days:
            self._delete(report)
        return report

    def preview(self) -> Report:
        """Say how much that would be, and write nothing."""
        report, days = _report(), self.settings
        if days.personal_days:
            query = clearing.clearable(self.database, days.personal_days, connection=self.connection)
            report.add(CLEARED, self._limited(count(self.database, query)))
        if days.history_days:
            lines = ledger.old_lines(self.database, days.history_days, connection=self.connection)
            report.add(ATTEMPTS_DELETED, count(self.database, lines))
        return report

    def _clear(self, report: Report) -> None:
        days = self.settings.personal_days
        query = clearing.clearable(self.database, days, connection=self.connection)
        for ids in pages(self.database, query, days, limit=self.limit, more=self.more):
            failpoint("before_clear")
            report.add(CLEARED, clearing.clear(self.database, query, ids))
            failpoint("after_clear_commit")

    def _delete(self, report: Report) -> None:
        days = self.settings.history_days
        query = ledger.with_old_lines(self.database, days, connection=self.connection)
        for ids in pages(self.database, query, days, limit=self.limit, more=self.more):
            report.add(ATTEMPTS_DELETED, ledger.delete_lines(self.database, query, ids, days=days))

    def _limited(self, number: int) -> int:
        return number if self.limit is None else min(number, self.limit)


def _report() -> Report:
    return Report(Counter({CLEARED: 0, ATTEMPTS_DELETED: 0}))
