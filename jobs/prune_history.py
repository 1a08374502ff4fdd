"""Clear the personal data of visits that are long over, and delete old history.

`[retention]` says after how many days.  A finished invite loses its visitor's and its host's data, here
and in what the worker keeps of it; its key, place, times and status stay.  Old lines of the ledger and
old runs are deleted.  Nothing of that is a change, and nothing is sent to Envoy for it.

None of it can be undone.  So nothing is done while nobody confirms the database's clock: Envoy's must
agree with it, and it must not have jumped since the last run.  And a run does a part of what is due, the
oldest visits first: a fifth of all rows, but a thousand at least.

Parameters: `max_seconds` (600) ends a scheduled run early; the next one goes on where it ended.
"""

import math
from collections.abc import Callable
from datetime import datetime

from worker.clock import boot_clock
from worker.database.sqlite import space
from worker.errors import ExitCode
from worker.report import Report
from worker.retention import ATTEMPTS_DELETED, CLEARED, Pruning, days_before, part_of
from worker.runs import Doubt, RunContext, Seconds, confirmed_time, known_doubt, record
from worker.runs.model import RUNS

BOUNDED = True
NAME = "prune_history"  # under which is remembered what the clocks said, however it is registered
RUNS_DELETED = "runs_deleted"
NOTHING_DONE = "nothing was cleared or deleted"
LEFT_IN_LOG = (
    "a program that reads for long keeps what was cleared in SQLite's write-ahead log:"
    " `envoy-worker run-once prune_history` once it has ended"
)
LEFT_FOR_NEXT = "the next run goes on; `envoy-worker run-once prune_history --yes` takes all at once"


def run(context: RunContext, *, max_seconds: Seconds = 600) -> Report:
    """Clear and delete what is due, and say how much."""
    ends_at = boot_clock() + (max_seconds if context.scheduled else math.inf)
    more = lambda: not context.stop.is_set() and boot_clock() < ends_at  # noqa: E731
    now = confirmed_time(context, NAME, matters=lambda now: _is_due(context, now))
    report = _doubted(now) if isinstance(now, Doubt) else _pruned(context, now, more)
    emptied = space.give_back(context.database, context.stop, freed=report.did_something)
    if report.unfinished:
        report.hint = LEFT_FOR_NEXT
    if report.did_something and not emptied:
        report.trouble(ExitCode.TRY_LATER)
        report.hint = LEFT_IN_LOG
    return report


def preview(context: RunContext) -> Report:
    """Say what a run would do, and what is known to keep it from that."""
    now = context.database.read_now()
    report = _pruning(context, now, lambda: True).preview()
    if _deletes_runs(context):
        old = record.count_old(context.database, before=_history_before(context, now))
        most = _most_runs(context)
        report.add(RUNS_DELETED, old if most is None else min(old, most))
    if report.did_something and (found := known_doubt(context, NAME)) is not None:
        report.hint = f"would do nothing: {found.text}; {found.hint}"
    return report


def _pruned(context: RunContext, now: datetime, more: Callable[[], bool]) -> Report:
    report = _pruning(context, now, more).run()
    if _deletes_runs(context):
        before, most = _history_before(context, now), _most_runs(context)
        deleted = record.delete_old(context.database, before=before, most=most, more=more)
        report.add(RUNS_DELETED, deleted)
        report.unfinished |= deleted == most and record.any_old(context.database, before=before)
    return report


def _doubted(found: Doubt) -> Report:
    """Tell why nothing was done: at first the next run may find it repaired, then a person must.

    Raises:
        ClockDoubted: it lasts.
    """
    if found.lasts:
        raise found.as_error(NOTHING_DONE)
    report = Report()
    report.counts.update(dict.fromkeys((CLEARED, ATTEMPTS_DELETED, RUNS_DELETED), 0))
    report.trouble(found.exit_code)
    report.error_code = found.error_code
    report.hint = f"{NOTHING_DONE}: {found.text}; {found.hint}"
    return report


def _pruning(context: RunContext, now: datetime, more: Callable[[], bool]) -> Pruning:
    return Pruning(
        context.database,
        context.settings.retention,
        now,
        more,
        connection=context.connection,
        limit=context.limit,
        everything=context.everything,
    )


def _is_due(context: RunContext, now: datetime) -> bool:
    if _pruning(context, now, lambda: True).is_due():
        return True
    return _deletes_runs(context) and record.any_old(context.database, before=_history_before(context, now))


def _deletes_runs(context: RunContext) -> bool:
    """Return whether runs are deleted, too: they belong to no connection, and are no invites."""
    narrowed = context.connection is not None or context.limit is not None
    return context.settings.retention.history_days > 0 and not narrowed


def _most_runs(context: RunContext) -> int | None:
    return None if context.everything else part_of(context.database, RUNS)


def _history_before(context: RunContext, now: datetime) -> datetime:
    return days_before(now, context.settings.retention.history_days)
