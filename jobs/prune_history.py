"""Clear the personal data of visits that are long over, and delete old history.

`[retention]` says after how many days.  A finished invite loses its visitor's and its host's data, here
and in what the worker keeps of it; its key, place, times and status stay.  Old lines of the ledger and
old runs are deleted.  Nothing of that is a change, and nothing is sent to Envoy for it.

Parameters: `max_seconds` (600) ends a scheduled run early; the next one goes on where it ended.
"""

import math
from collections.abc import Callable

from worker.database import space
from worker.envoy.clock import boot_clock
from worker.errors import ExitCode
from worker.report import Report
from worker.retention import Pruning
from worker.runs import RunContext, Seconds, record

RUNS_DELETED = "runs_deleted"
LEFT_IN_LOG = (
    "a program that reads for long keeps what was cleared in SQLite's write-ahead log:"
    " `envoy-worker run-once prune_history` once it has ended"
)


def run(context: RunContext, *, max_seconds: Seconds = 600) -> Report:
    """Clear and delete what is due, and say how much."""
    ends_at = boot_clock() + (max_seconds if context.scheduled else math.inf)
    more = lambda: not context.stop.is_set() and boot_clock() < ends_at  # noqa: E731
    report = _pruning(context, more).run()
    if _deletes_runs(context):
        days = context.settings.retention.history_days
        report.add(RUNS_DELETED, record.delete_old(context.database, days=days, more=more))
    emptied = space.give_back(context.database, context.stop, freed=report.did_something)
    if report.did_something and not emptied:
        report.trouble(ExitCode.TRY_LATER)
        report.hint = LEFT_IN_LOG
    return report


def preview(context: RunContext) -> Report:
    """Say what a run would do."""
    report = _pruning(context, lambda: True).preview()
    if _deletes_runs(context):
        days = context.settings.retention.history_days
        report.add(RUNS_DELETED, record.count_old(context.database, days=days))
    return report


def _pruning(context: RunContext, more: Callable[[], bool]) -> Pruning:
    return Pruning(
        context.database,
        context.settings.retention,
        more,
        connection=context.connection,
        limit=context.limit,
    )


def _deletes_runs(context: RunContext) -> bool:
    """Say whether runs are deleted, too: they belong to no connection, and are no invites."""
    narrowed = context.connection is not None or context.limit is not None
    return context.settings.retention.history_days > 0 and not narrowed
