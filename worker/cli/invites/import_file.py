"""``envoy-worker invites import``: a file of visits, as CSV or JSON Lines."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from worker.cli.formatting import counted, moment
from worker.cli.invites.import_streams import STDIN, Bar, bar, reading, rejected_to
from worker.cli.opening import opened
from worker.cli.output import say, show
from worker.commands import command
from worker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from worker.context import Context
    from worker.intake import Check, ImportReport, Problem
    from worker.intake.files.rejects import Rejects

COUNTS = ("created", "changed", "unchanged", "repeated", "rejected")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)


def import_(
    *,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines; - is stdin.")
    ],
    connection: Annotated[str | None, typer.Option(help="Fills the column where it is empty.")] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Withdraw the connection's future invites that FILE lacks.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --mirror: withdraw however many they are.")
    ] = False,
    rejects: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write rejected lines, with why, to this new file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and count; store nothing in the database.")
    ] = False,
) -> None:
    """Import visits from CSV or JSON Lines; repeatable.

    Good lines go in, bad ones are told by line and column.  A line that changed updates its visit: an
    empty cell clears, and is counted; a column (or key) that FILE lacks stays as it is, and is the default
    in a new visit.  Only `wanted` is `present` where nothing is said.
    """
    _refuse_half_a_mirror(connection, mirror=mirror, yes=yes)
    with ExitStack() as stack:
        stream = stack.enter_context(reading(file, twice=mirror))
        context = stack.enter_context(opened(access="read" if dry_run else "write"))
        run = _Run("stdin" if file == STDIN else file, context, stream, dry_run)
        run.rejected = stack.enter_context(rejected_to(rejects))
        run.bar = stack.enter_context(bar(stream, "checking" if mirror else "importing"))
        report = run.mirror(connection.strip(), sure=yes) if mirror and connection else run.simple(connection)
    _tell(report, run, mirror=mirror)
    raise typer.Exit(ExitCode.REJECTED if report.rejected else ExitCode.DONE)


def _refuse_half_a_mirror(connection: str | None, *, mirror: bool, yes: bool) -> None:
    if (mirror and not (connection or "").strip()) or (yes and not mirror):
        raise UsageError(
            "--mirror: needs to know whose invites FILE has" if mirror else "--yes: goes with --mirror",
            hint="as in `invites import FILE --mirror --connection acme`",
        )


class _Run:
    """One import, as the command line asks for it."""

    rejected: "Rejects | None"
    bar: Bar

    def __init__(self, name: str, context: "Context", stream: BinaryIO, dry_run: bool) -> None:
        self.name = name
        self.dry_run = dry_run
        self.planned = 0  # to be withdrawn
        self._context = context
        self._stream = stream

    def simple(self, connection: str | None) -> "ImportReport":
        """Bring the rows to what the lines say."""
        from worker.intake import import_file

        return import_file(self._context.database, self._stream, connection=connection, **self._common())

    def mirror(self, connection: str, *, sure: bool) -> "ImportReport":
        """Bring the rows of the connection to what the lines say, and withdraw those without one."""
        from worker.intake import mirror_file

        return mirror_file(
            self._context.database,
            self._stream,
            connection=connection,
            most_withdrawn=1.0 if sure else self._context.settings.intake.most_withdrawn,
            on_checked=self._checked,
            **self._common(),
        )

    def _common(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dry_run": self.dry_run,
            "on_problem": lambda problem: say(problem_line(self.name, problem)),
            "on_rejected": self.rejected.add if self.rejected else None,
            "on_progress": self.bar.advance,
        }

    def _checked(self, check: "Check") -> None:
        self.planned = check.report.withdrawn
        self.bar.doing = "importing"
        with self.bar.aside():
            show(plan(check))
        if check.unreadable:
            lines = counted(check.unreadable, "line has", "lines have")
            say(f"{lines} no external id that can be read: any invite may be meant, so none is withdrawn")


def problem_line(name: str, problem: "Problem") -> str:
    """Return FILE:LINE: COLUMN: MESSAGE; no value is quoted."""
    column = f"{problem.column}: " if problem.column else ""
    return f"{name}:{problem.line}: {column}{problem.message}"


def plan(check: "Check") -> str:
    """Say in one line what a mirror import would do."""
    report = check.report
    return (
        f"{moment(check.at)}: {report.created} to create, {report.changed} to change,"
        f" {report.unchanged} unchanged, {report.rejected} rejected;"
        f" {report.withdrawn} of {check.future} future invites to withdraw{clears(report)}"
    )


def summary(report: "ImportReport", *, dry_run: bool, mirror: bool = False) -> str:
    """Return the counts in one line."""
    names = (*COUNTS, "withdrawn") if mirror else COUNTS
    counts = ", ".join(f"{getattr(report, name)} {name}" for name in names) + clears(report)
    return f"dry run, nothing was written: {counts}" if dry_run else counts


def clears(report: "ImportReport") -> str:
    """Say in how many rows a column that had a value is emptied, to be put behind the counts."""
    from worker.intake import FIELDS

    emptied = [name for name in FIELDS if report.cleared[name]]
    return "".join(f"; clears {name} in {counted(report.cleared[name], 'row')}" for name in emptied)


def _tell(report: "ImportReport", run: _Run, *, mirror: bool) -> None:
    show(summary(report, dry_run=run.dry_run, mirror=mirror))
    if stay := run.planned - report.withdrawn:
        say(f"{counted(stay, 'invite')} changed or began during the import: not withdrawn")
    if run.rejected and run.rejected.number:
        say(f"{run.rejected.path}: {counted(run.rejected.number, 'rejected line')}, to correct and import")
    for unknown in sorted(report.unknown_connections):
        repair = command("connect", unknown)
        say(f"there is no connection {unknown} yet: its invites wait for `{repair}`")
