"""Write CSV files of which a spreadsheet runs no cell, and read back what was written.

Anyone who opens a file to look at it must run nothing of what strangers wrote (OWASP, "CSV Injection"): an
apostrophe stands before it.  What begins with one gets another, so that the import can take back exactly
those that were put there.
"""

import csv
import io
import re
from collections.abc import Iterable

END = "\r\n"  # RFC 4180; with it the writer quotes every kind of line break
# As spreadsheets see them: in the wide form of East Asia, too, and behind what is blank or cannot be seen,
# which some leave out.
_RUN = re.compile("[\\s\\0\u200b-\u200f\u2060\ufeff]*['=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')


def csv_line(cells: Iterable[object], delimiter: str = ",") -> str:
    """Return one record without its end; every CSV file that we write is made of these."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=END)
    writer.writerow([harmless(str(cell)) for cell in cells])
    return out.getvalue().removesuffix(END)


def harmless(cell: str) -> str:
    """Return what stands in a CSV file for a cell."""
    return f"'{cell}" if _RUN.match(cell) else cell


def as_meant(cell: str) -> str:
    """Return what a cell of a CSV file says: without our apostrophe, or the ="..." around a text."""
    first = cell[:1]
    if first == "'":
        return cell[1:] if _RUN.match(cell, 1) else cell
    if first != "=":
        return cell
    wrapped = _NUMBER_AS_TEXT.fullmatch(cell)
    return wrapped[1].replace('""', '"') if wrapped else cell
