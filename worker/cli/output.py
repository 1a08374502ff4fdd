"""Write to the operator: data to stdout, messages to stderr; tables only on a terminal.

All text counts as a stranger's: one call is one line, whatever stands in it.
"""

import errno
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import TextIO

from worker.addresses import without_addresses
from worker.errors import DiskFull, WorkerError
from worker.visible import visible, visible_json

# Anyone who read it has seen enough, or is not there any more.
GONE = frozenset({errno.EPIPE, errno.EBADF, errno.EIO})
MOST_IN_A_TABLE = 1_000  # rows; one is as wide as its widest cell, and so is made as a whole
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DEEPEST = 100  # lists and objects in one another


def complain(error: WorkerError) -> None:
    """Print an error as one line, its hint at the end."""
    say(f"error: {error}" + (f" -- {error.hint}" if error.hint else ""))


def say(message: str) -> None:
    """Print a message for the person at the terminal; where that cannot be, nothing else suffers.

    It names nobody's e-mail address: one that is in it was an argument, a file's name, or stood in a file.
    """
    with suppress(DiskFull):
        _print(visible(without_addresses(message)), sys.stderr)


def show(line: str = "", *, style: str = "") -> None:
    """Print a line of data; in a *style*, as escape codes have it, where a terminal has colours.

    Raises:
        DiskFull: stdout is a file without room for it.
    """
    plain = visible(line)
    _print(f"\x1b[{style}m{plain}\x1b[0m" if style and _has_colours() else plain, sys.stdout)


def show_json(data: object) -> None:
    """Print data as one JSON document."""
    _print(_json(data), sys.stdout)


def show_json_object(members: Iterable[tuple[str, object]]) -> None:
    """Print one JSON object, and hold no more than one of its members at a time."""
    before = "{"
    for name, value in members:
        member = _json({name: value}).removeprefix("{").removesuffix("\n}")
        _print(before + member, sys.stdout, end="")
        before = ","
    _print("{}" if before == "{" else "\n}", sys.stdout)


def show_rows(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, empty: str = "") -> None:
    """Print rows as a table on a terminal, else, or where there are very many, as one line each.

    There are tabs between the cells of a line; no more rows are held than a table has.
    """
    cells = ([_cell(row.get(column)) for column in columns] for row in rows)
    first = list(islice(cells, MOST_IN_A_TABLE if _is_terminal(sys.stdout) else 1))
    more = list(islice(cells, 1))
    if not first and empty:
        say(empty)
    elif _is_terminal(sys.stdout) and not more:
        _print(_table(columns, first), sys.stdout)
    else:
        for row in chain(first, more, cells):
            _print("\t".join(row), sys.stdout)


def confirm(question: str) -> bool:
    """Ask the person at the terminal; what is no yes is a no."""
    import typer

    return typer.confirm(visible(question), err=True)


def take_streams() -> None:
    """Let nothing that others print fail, where a stream is closed or lacks a letter."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.closed:
            setattr(sys, name, None)  # as it is where a process was started without one
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _json(data: object) -> str:
    # JSON is UTF-8; what is no UTF-8 has at least no other letters.
    ascii_only = _encoding(sys.stdout) != "utf-8"
    write = partial(json.dumps, ensure_ascii=ascii_only, indent=2, default=str, allow_nan=False)
    try:
        text = write(data)
    except (ValueError, RecursionError):
        text = write(_in_bounds(data))
    return visible_json(text)


def _print(text: str, stream: TextIO | None, *, end: str = "\n") -> None:
    """Print what is visible already."""
    if stream is None or stream.closed:  # the process was started without one
        return
    encoding = _encoding(stream)
    if encoding != "utf-8":
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(text, file=stream, end=end, flush=True)
    except OSError as error:
        if error.errno not in GONE | FULL:
            raise
        full = error.errno in FULL
    else:
        return
    # What is under way goes on, and its exit code is its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if full:
        raise DiskFull("the disk is full where the output goes", hint="make room, and run it again")


def _in_bounds(value: object, depth: int = 0) -> object:
    """Return data with its endless numbers, and what is nested too deep to be written, as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, Mapping | list):
        return value
    if depth > DEEPEST:
        return "[too deep]"
    if isinstance(value, list):
        return [_in_bounds(item, depth + 1) for item in value]
    return {key: _in_bounds(item, depth + 1) for key, item in value.items()}


def _encoding(stream: TextIO | None) -> str:
    name = (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-")
    return "utf-8" if name == "utf8" else name


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _has_colours() -> bool:
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and _is_terminal(sys.stdout)


def _table(columns: Sequence[str], cells: list[list[str]]) -> str:
    """Return a table of cells that are visible already; nothing in it is taken for markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="")
    for column in columns:
        table.add_column(Text(column), overflow="fold")  # names are to be typed again: never cut
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().removesuffix("\n")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else visible(str(value))
