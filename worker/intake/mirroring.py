"""Import a file as a mirror: what it does not name any more, and still lies ahead, is withdrawn.

The whole file is checked before anything is written.  What may be withdrawn are the connection's future
invites as they stood before the file was read, so that a row that another caller adds or changes
meanwhile stays.  Good or bad, a line names the invite of its external id.  A line whose external id
cannot be read may stand for any invite, so then none is withdrawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO

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
        WorkerError: the database failed; its text says how far the file is in.
    """
    read = partial(import_file, database, stream, name=name, connection=connection, on_progress=on_progress)
    told: set[int] = set()

    def tell(problem: Problem) -> None:
        told.add(problem.line)
        on_problem(problem)

    def tell_what_is_new(problem: Problem) -> None:
        if problem.line not in told:
            on_problem(problem)

    missing = Missing(database, connection)
    stream.seek(0)
    report = read(
        dry_run=True,
        on_line=missing.strike,
        on_problem=tell,
        on_rejected=on_rejected if dry_run else None,
    )
    report.withdrawn = missing.number
    check = Check(missing.at, report, missing.future, missing.unreadable)
    on_checked(check)
    _refuse_too_many(check, connection, most_withdrawn)
    if dry_run:
        return report
    stream.seek(0)
    report = read(dry_run=False, on_problem=tell_what_is_new, on_rejected=on_rejected)
    report.withdrawn = missing.withdraw()
    return report


def _refuse_too_many(check: Check, connection: str, most_withdrawn: float) -> None:
    missing = check.report.withdrawn
    if missing and missing / check.future > most_withdrawn:
        raise UsageError(
            f"{missing:,} of {check.future:,} future invites of {connection} are not in the file, more than"
            f" the share of {most_withdrawn:g} ([intake] most_withdrawn); nothing was written",
            hint="if the file is whole and they shall go, say --yes",
        )
