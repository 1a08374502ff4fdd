"""Write to the operator: data to stdout, messages to stderr; tables only on a terminal."""

import json
import sys
from collections.abc import Mapping, Sequence

from worker.errors import WorkerError


def complain(error: WorkerError) -> None:
    """Print an error as one line, its hint at the end."""
    say(f"error: {error}" + (f" -- {error.hint}" if error.hint else ""))


def say(message: str) -> None:
    """Print a message for the person at the terminal."""
    print(message, file=sys.stderr, flush=True)


def show(line: str = "") -> None:
    """Print a line of data."""
    print(line, flush=True)


def show_json(data: object) -> None:
    """Print data as one JSON document."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=str), flush=True)


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
