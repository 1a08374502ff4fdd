"""Write to the operator: data to stdout, messages to stderr; tables only on a terminal."""

import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from worker.addresses import without_addresses
from worker.errors import DiskFull, WorkerError


def complain(error: WorkerError) -> None:
    """Print an error as one line, its hint at the end."""
    say(f"error: {error}" + (f" -- {error.hint}" if error.hint else ""))


def say(message: str) -> None:
    """Print a message for the person at the terminal; where that cannot be, nothing else suffers.

    It names nobody's e-mail address: one that is in it was an argument, a file's name, or stood in a file.
    """
    with suppress(DiskFull):
        _print(without_addresses(message), sys.stderr)


def show(line: str = "") -> None:
    """Print a line of data.

    Raises:
        DiskFull: stdout is a file without room for it.
    """
    _print(line, sys.stdout)


def show_json(data: object) -> None:
    """Print data as one JSON document."""
    show(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:  # the process was started without one
        return
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ENOSPC, errno.EDQUOT}:
            raise
        full = error.errno != errno.EPIPE
    else:
        return
    # Whoever read it has seen enough; what is under way goes on, and its exit code is its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if full:
        raise DiskFull("the disk is full where the output goes", hint="make room, and run it again")


def show_rows(columns: Sequence[str], rows: Sequence[Mapping[str, object]], *, empty: str = "") -> None:
    """Print rows as a table on a terminal, else as one line each with tabs between the cells."""
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    if not rows and empty:
        say(empty)
    elif sys.stdout.isatty():
        _table(columns, cells)
    else:
        for row in cells:
            show("\t".join(row))


def _table(columns: Sequence[str], cells: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")  # names are to be typed again: never cut
    for row in cells:
        table.add_row(*row)
    Console().print(table)


def _text(value: object) -> str:
    return "-" if value is None or value == "" else str(value)
