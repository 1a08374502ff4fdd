"""Import a file as a mirror: what it does not name any more, and still lies ahead, is withdrawn.

The whole file is checked before anything is written.  What may be withdrawn are the connection's future
invites as they stood before the file was read, so that a row that another caller adds or changes
during the import stays.  Good or bad, a line names the invite of its external id.  A line whose external id
cannot be read may stand for any invite, so then none is withdrawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO

from worker.connections.witness import require_not_behind
from worker.database import Database
from worker.errors import UsageError
from worker.intake.importing import ImportReport, OnRejected, import_file
from worker.intake.missing import Missing
from worker.intake.problems import Problem


@dataclass(frozen=True, slots=True)
class Check:
    """What a mirror import would do; *at* is the database's time, which tells what lies ahead.

    *future* is the number of wanted invites that do, *unreadable* that of lines without an external id.
    """

    at: datetime
    report: ImportReport
    future: int
    unreadable: int


def mirror_file(
    database: Database,
    stream: BinaryIO,
    *,
    name: str,
    connection: str,
    most_withdrawn: float,
    dry_run: bool,
    on_checked: Callable[[Check], None],
    on_problem: Callable[[Problem], None],
    on_rejected: OnRejected | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Bring the connection's future invites to what the file says, and return what became of them.

    The stream is read twice; *on_checked* is called in between.  The rest is as for ``import_file``.

    Raises:
        UsageError: more than that share of the future invites would be withdrawn; nothing was written.
        FileRefused: the file cannot be read at all; nothing was written.
        ClockDoubted: the database's clock is behind Envoy's; nothing was written.
        WorkerError: the database failed; its text says how far the file is in.
    """
    read = partial(import_file, database, stream, name=name, connection=connection, on_progress=on_progress)
    once = _Once(on_problem)
    missing = Missing(database, connection)
    # By a clock that was put back, visits that are over count as coming, and would be removed from Envoy.
    require_not_behind(database, missing.at, "nothing was written, since what lies ahead is not known")
    rejected = on_rejected if dry_run else None
    stream.seek(0)
    report = read(dry_run=True, on_line=missing.strike, on_problem=once.first, on_rejected=rejected)
    report.withdrawn = missing.number
    on_checked(Check(missing.at, report, missing.future, missing.unreadable))
    _refuse_too_many(missing, connection, most_withdrawn)
    if not dry_run:
        stream.seek(0)
        report = read(dry_run=False, on_problem=once.again, on_rejected=on_rejected)
        report.withdrawn = missing.withdraw()
    return report


class _Once:
    """Tells the problems of a line once, though it is read twice."""

    def __init__(self, on_problem: Callable[[Problem], None]) -> None:
        self._on_problem = on_problem
        self._told: set[int] = set()

    def first(self, problem: Problem) -> None:
        """Tell a problem that the check has found."""
        self._told.add(problem.line)
        self._on_problem(problem)

    def again(self, problem: Problem) -> None:
        """Tell a problem of a line that was good before: the database refused it."""
        if problem.line not in self._told:
            self._on_problem(problem)


def _refuse_too_many(missing: Missing, connection: str, most_withdrawn: float) -> None:
    if missing.number and missing.number / missing.future > most_withdrawn:
        raise UsageError(
            f"{missing.number:,} of {missing.future:,} future invites of {connection} are not in the file,"
            f" more than the share of {most_withdrawn:g} ([intake] most_withdrawn); nothing was written",
            hint="if the file is whole and they shall go, say --yes",
        )
