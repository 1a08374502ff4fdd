"""Check the header of a CSV file before anything of it is imported."""

from collections.abc import Collection, Sequence

from worker.addresses import without_addresses
from worker.intake.files.csv_records import Record
from worker.intake.problems import PROBLEM, FileRefused
from worker.intake.rows import FIELDS, REQUIRED, nearest

DELIMITERS = (",", ";", "\t")
LONGEST_SHOWN = 40


def delimiter_of(header: str) -> str:
    """Return the delimiter of a header line: the first of comma, semicolon and tab that is in it."""
    return next((sign for sign in DELIMITERS if sign in header), DELIMITERS[0])


def columns_of(name: str, header: Record, filled: Collection[str] = ()) -> list[str]:
    """Return the columns that a header names; those in *filled* may be missing.

    Raises:
        FileRefused: a column is unknown, named twice or missing.
    """
    columns = [cell.strip().casefold() for cell in header.cells]
    if header.flaw:
        raise FileRefused(name, header.number, f"the header {header.flaw}")
    if not set(columns) & set(FIELDS):
        # The cells are not shown: without a header, they are the data of a visitor.
        raise FileRefused(name, header.number, f"the first line is no header: it names {', '.join(FIELDS)}")
    for place, column in enumerate(columns, start=1):
        if column not in FIELDS and column != PROBLEM:
            raise FileRefused(name, header.number, _unknown(place, column))
        if column in columns[: place - 1]:
            raise FileRefused(name, header.number, "the header has this column twice", field=column)
    _refuse_missing(name, header.number, {*columns, *filled})
    return columns


def _unknown(place: int, column: str) -> str:
    if not column:
        return f"column {place} of the header has no name"
    column = without_addresses(column)
    shown = column if column.isprintable() and len(column) <= LONGEST_SHOWN else "unreadable"
    return f"column {place} of the header ({shown}) is no column of an invite; {nearest(shown)}"


def _refuse_missing(name: str, line: int, columns: Collection[str]) -> None:
    missing: Sequence[str] = [column for column in REQUIRED if column not in columns]
    if missing:
        hint = "; or say --connection NAME" if missing[0] == "connection" else ""
        raise FileRefused(name, line, f"the header lacks {', '.join(missing)}{hint}")
