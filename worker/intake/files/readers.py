"""Read the rows of a file, CSV or JSON Lines, one at a time and in constant memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

from worker.errors import InputError
from worker.intake.fields.custom_fields import load_json
from worker.intake.files.csv_records import Record, records
from worker.intake.files.header import columns_of, delimiter_of
from worker.intake.files.lines import TextLine, text_lines
from worker.intake.files.spreadsheets import as_meant
from worker.intake.problems import PROBLEM, FileRefused

JSON_LINES = frozenset({".jsonl", ".ndjson"})
SEVERAL_LINES = frozenset({"notes", "custom_fields"})


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: its values by column, and what keeps it from being used.

    ``whole`` is the text of a line that could not be taken apart, and None if its values are there.
    """

    number: int
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    error: InputError | None = None
    whole: str | None = field(default=None, repr=False)
    size: int = 0  # letters


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file, and its form: a CSV file's delimiter and columns, neither for JSON Lines."""

    lines: Iterator[Line] = field(repr=False)
    delimiter: str = ""
    columns: Sequence[str] = ()

    def __iter__(self) -> Iterator[Line]:
        return self.lines


def read_rows(stream: BinaryIO, name: str, *, filled: Collection[str] = ()) -> Rows:
    """Give the rows of a file; blank ones are left out, and bad ones say what is wrong.

    JSON Lines are known by the name's ending, else by the first character.  Columns in *filled* may be
    missing from a CSV header, since the caller fills them.  The column ``problem``, which a file of
    rejected lines has, is left out.

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
        return Rows(_json_rows(lines))
    return _csv_rows(lines, name, delimiter_of(first.text), filled)


def _json_rows(lines: Iterator[TextLine]) -> Iterator[Line]:
    return (_json_row(line) for line in lines if line.flaw or line.text.strip())


def _json_row(line: TextLine) -> Line:
    written = line.text.rstrip()
    size = len(written)
    try:
        values = load_json(written)
    except ValueError as error:
        place = f", at character {error.colno}" if hasattr(error, "colno") else ""
        return Line(line.number, {}, _unreadable(line.flaw or f"is no JSON object{place}"), written, size)
    if not isinstance(values, dict):
        flaw = line.flaw or "is no JSON object, as in {" + '"external_id": "42", ...}'
        return Line(line.number, {}, _unreadable(flaw), written, size)
    values.pop(PROBLEM, None)
    return Line(line.number, values, _unreadable(line.flaw) if line.flaw else None, size=size)


def _csv_rows(lines: Iterator[TextLine], name: str, delimiter: str, filled: Collection[str]) -> Rows:
    header = next(records(chain([next(lines)]), delimiter))
    columns = columns_of(name, header, filled)

    def flaw_of(cells: list[str]) -> str:
        return _flaw(columns, cells)

    found = (
        _csv_row(columns, record)
        for record in records(lines, delimiter, flaw_of)
        if record.flaw or any(cell.strip() for cell in record.cells)
    )
    return Rows(found, delimiter, [column for column in columns if column != PROBLEM])


def _flaw(columns: list[str], cells: list[str]) -> str:
    if len(cells) != len(columns) and any(cell.strip() for cell in cells):
        return f"has {len(cells)} cells, the header has {len(columns)}"
    # A name of two lines is a quote that was never closed, and has eaten a line that is good.
    if any(
        "\n" in cell and "\n" in as_meant(cell).strip() and column not in SEVERAL_LINES
        for column, cell in zip(columns, cells, strict=False)
    ):
        return "has a quote that is opened and not closed on the line"
    return ""


def _csv_row(columns: list[str], record: Record) -> Line:
    cells = map(as_meant, record.cells)
    values = dict(zip(columns, cells, strict=False)) if record.whole is None else {}
    values.pop(PROBLEM, None)
    size = len(record.whole or "") + sum(map(len, record.cells))
    if not record.flaw:
        return Line(record.number, values, size=size)
    flawed = (column for column, cell in zip(columns, record.cells, strict=False) if not _encodable(cell))
    return Line(record.number, values, _unreadable(record.flaw, next(flawed, "")), record.whole, size)


def _encodable(cell: str) -> bool:
    return not any("\udc80" <= sign <= "\udcff" for sign in cell)


def _unreadable(message: str, column: str = "") -> InputError:
    return InputError(column, message, code="line_unreadable")
