"""One run of retention: clear what is personal, delete what is history, batch by batch.

What cannot be undone is done in parts, the oldest visits first: should all clocks be wrong together, it
is seen before everything is gone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worker.database import Database
from worker.failpoints import failpoint
from worker.invites.model import DELIVERIES
from worker.report import Report
from worker.retention import clearing, ledger
from worker.retention.finished import Finished, any_row, count, days_before, oldest_first, pages
from worker.settings.model import RetentionSettings

CLEARED, ATTEMPTS_DELETED, LEFT = "cleared", "attempts_deleted", "left"
LEAST_OF_A_RUN = 1000
PARTS = 5  # a run takes one of so many of all rows


def part_of(database: Database, table: sa.FromClause) -> int:
    """Return how many rows of a table one run may take."""
    return max(LEAST_OF_A_RUN, count(database, sa.select(sa.literal(1)).select_from(table)) // PARTS)


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is to be pruned at a confirmed time; ``everything``: not a part of it only.

    ``more`` is asked before each batch, ``limit`` counts invites.
    """

    database: Database
    settings: RetentionSettings
    now: datetime
    more: Callable[[], bool]
    connection: str | None = None
    limit: int | None = None
    everything: bool = False

    def run(self) -> Report:
        """Clear and delete, and say how much; what ends early is gone on with by the next run."""
        report, most = _report(), self._most()
        if self.settings.personal_days:
            self._clear(report, most)
        if self.settings.history_days:
            self._delete(report, most)
        return report

    def is_due(self) -> bool:
        """Return whether a run would find anything to do."""
        days = self.settings
        return bool(days.personal_days and any_row(self.database, self._clearable())) or bool(
            days.history_days and any_row(self.database, self._with_lines())
        )

    def preview(self) -> Report:
        """Say how much that would be, and write nothing."""
        report, days, most = _report(), self.settings, self._most()
        if days.personal_days:
            number = count(self.database, self._clearable())
            report.add(CLEARED, number if most is None else min(number, most))
            self._say_left(report, number - report.counts[CLEARED])
        if days.history_days:
            rows = oldest_first(self._with_lines(), most).with_only_columns(DELIVERIES.c.id)
            report.add(ATTEMPTS_DELETED, count(self.database, ledger.old_lines(self._history_before, rows)))
        return report

    def _most(self) -> int | None:
        """Return how many invites one run may take, None for all."""
        part = None if self.everything else part_of(self.database, DELIVERIES)
        bounds = [bound for bound in (part, self.limit) if bound is not None]
        return min(bounds) if bounds else None

    def _clear(self, report: Report, most: int | None) -> None:
        query, taken = self._clearable(), 0
        for ids in self._pages(query, most):
            taken += len(ids)
            failpoint("before_clear")
            report.add(CLEARED, clearing.clear(self.database, query, ids))
            failpoint("after_clear_commit")
        if taken == most:
            self._say_left(report, count(self.database, query))

    def _delete(self, report: Report, most: int | None) -> None:
        query, before, taken = self._with_lines(), self._history_before, 0
        for ids in self._pages(query, most):
            taken += len(ids)
            report.add(ATTEMPTS_DELETED, ledger.delete_lines(self.database, query, ids, before=before))

        if taken == most and self.limit is None and any_row(self.database, query):
            report.unfinished = True

    def _say_left(self, report: Report, number: int) -> None:
        """Count what is left for the next run, but not what the operator's own limit leaves."""
        if number and self.limit is None:
            report.add(LEFT, number)
            report.unfinished = True

    def _pages(self, query: Finished, most: int | None) -> Iterator[Sequence[int]]:
        return pages(self.database, query, limit=most, more=self.more)

    def _clearable(self) -> Finished:
        before = days_before(self.now, self.settings.personal_days)
        return clearing.clearable(before, connection=self.connection)

    def _with_lines(self) -> Finished:
        return ledger.with_old_lines(self._history_before, connection=self.connection)

    @property
    def _history_before(self) -> datetime:
        return days_before(self.now, self.settings.history_days)


def _report() -> Report:
    return Report(Counter({CLEARED: 0, ATTEMPTS_DELETED: 0}))
