"""``envoy-worker invites import``: a file of visits, as CSV or JSON Lines."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from worker.cli.output import say, show
from worker.cli.parts import opened
from worker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from worker.intake import ImportReport, Problem

STDIN = "-"
COUNTS = ("created", "changed", "unchanged", "repeated", "rejected")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)


def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines; - is stdin.")
    ],
    connection: Annotated[str | None, typer.Option(help="Fills the column where it is empty.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; write nothing.")] = False,
) -> None:
    """Import visits from CSV or JSON Lines; repeatable.

    Good lines go in, bad ones are told by line and column.  A line that changed updates its visit.
    """
    from worker.intake import import_file

    name = "stdin" if file == STDIN else file
    with _open(file) as stream, opened() as parts, _progress(stream) as on_progress:
        report = import_file(
            parts.database,
            stream,
            name=name,
            connection=connection,
            dry_run=dry_run,
            on_problem=lambda problem: say(problem_line(name, problem)),
            on_progress=on_progress,
        )
    show(summary(report, dry_run=dry_run))
    for unknown in sorted(report.unknown_connections):
        say(f"there is no connection {unknown} yet: its invites wait for `envoy-worker connect {unknown}`")
    raise typer.Exit(ExitCode.REJECTED if report.rejected else ExitCode.DONE)


def problem_line(name: str, problem: "Problem") -> str:
    """Return FILE:LINE: COLUMN: MESSAGE; no value is quoted."""
    column = f"{problem.column}: " if problem.column else ""
    return f"{name}:{problem.line}: {column}{problem.message}"


def summary(report: "ImportReport", *, dry_run: bool) -> str:
    """Return the counts in one line."""
    counts = ", ".join(f"{getattr(report, name)} {name}" for name in COUNTS)
    return f"dry run, nothing was written: {counts}" if dry_run else counts


@contextmanager
def _open(file: str) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = open(file, "rb")  # noqa: SIM115, PTH123 -- closed below; what reading raises is not ours
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def _progress(stream: BinaryIO) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on a terminal, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    # How many lines there are is known at the end only, how many bytes at once.
    regular = stream is not sys.stdin.buffer
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("importing", total=os.fstat(stream.fileno()).st_size if regular else None)

        def advance(lines: int) -> None:
            place = stream.tell() if regular else None
            bar.update(task, completed=place, description=f"{lines:,} lines")

        yield advance
