"""Read the rows of a file, CSV or JSON Lines, one at a time and in constant memory."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

from worker.errors import InputError
from worker.intake.csv_records import Record, records
from worker.intake.custom_fields import load_json
from worker.intake.header import columns_of, delimiter_of
from worker.intake.lines import TextLine, text_lines
from worker.intake.problems import FileRefused

JSON_LINES = frozenset({".jsonl", ".ndjson"})
SEVERAL_LINES = frozenset({"notes", "custom_fields"})


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: its values by column, or what kept it from being read."""

    number: int
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    error: InputError | None = None


def read_rows(stream: BinaryIO, name: str, *, filled: Collection[str] = ()) -> Iterator[Line]:
    """Give the rows of a file; blank ones are left out, and bad ones say what is wrong.

    JSON Lines are known by the name's ending, else by the first character.  Columns in *filled* may be
    missing from a CSV header, since the caller fills them.

    Raises:
        FileRefused: at once, where the file is empty, of another kind, or its header is wrong.
    """
    lines = text_lines(stream)
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        raise FileRefused(name, 1, "the file is empty: it needs a header line or JSON objects")
    if "\0" in first.text:
        raise FileRefused(name, first.number, "this is no UTF-8 text: save the file as CSV in UTF-8")
    lines = chain([first], lines)
    start = first.text.lstrip()
    if start.startswith("[") or start.strip() == "{":
        raise FileRefused(name, first.number, "JSON must be one object a line (JSON Lines), not a list")
    if start.startswith("{") or PurePath(name).suffix.lower() in JSON_LINES:
        return _json_rows(lines)
    return _csv_rows(lines, name, delimiter_of(first.text), filled)


def _json_rows(lines: Iterator[TextLine]) -> Iterator[Line]:
    for line in lines:
        if line.flaw:
            yield _bad(line.number, line.flaw)
        elif line.text.strip():
            yield _json_row(line)


def _json_row(line: TextLine) -> Line:
    try:
        values = load_json(line.text.rstrip())
    except ValueError as error:
        place = f", at character {error.colno}" if hasattr(error, "colno") else ""
        return _bad(line.number, f"is no JSON object{place}")
    if not isinstance(values, dict):
        return _bad(line.number, "is no JSON object, as in {" + '"external_id": "42", ...}')
    return Line(line.number, values)


def _csv_rows(
    lines: Iterator[TextLine], name: str, delimiter: str, filled: Collection[str]
) -> Iterator[Line]:
    header = next(records(chain([next(lines)]), delimiter))
    columns = columns_of(name, header, filled)

    def flaw_of(cells: list[str]) -> str:
        return _flaw(columns, cells)

    return (
        _csv_row(columns, record)
        for record in records(lines, delimiter, flaw_of)
        if record.flaw or any(cell.strip() for cell in record.cells)
    )


def _flaw(columns: list[str], cells: list[str]) -> str:
    if len(cells) != len(columns) and any(cell.strip() for cell in cells):
        return f"has {len(cells)} cells, the header has {len(columns)}"
    # A name of two lines is a quote that was never closed, and has eaten a line that is good.
    if any(
        "\n" in cell.strip() and column not in SEVERAL_LINES
        for column, cell in zip(columns, cells, strict=False)
    ):
        return "has a quote that is opened and not closed on the line"
    return ""


def _csv_row(columns: list[str], record: Record) -> Line:
    if not record.flaw:
        return Line(record.number, dict(zip(columns, record.cells, strict=True)))
    flawed = (column for column, cell in zip(columns, record.cells, strict=False) if not _encodable(cell))
    return _bad(record.number, record.flaw, next(flawed, ""))


def _encodable(cell: str) -> bool:
    return not any("\udc80" <= sign <= "\udcff" for sign in cell)


def _bad(number: int, message: str, column: str = "") -> Line:
    return Line(number, error=InputError(column, message, code="line_unreadable"))
