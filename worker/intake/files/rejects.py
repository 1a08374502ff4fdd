"""Write a file's rejected lines with what is wrong, so that they can be corrected and imported again.

A CSV file keeps its delimiter, its columns and the cells as they were, but for an apostrophe where a
spreadsheet would run a cell; the column ``problem`` comes last.  An import ignores that column and takes the
apostrophe back.  A line that cannot be cut into cells stands whole in the first one; then what an invite
needs is missing, so that it is rejected until somebody takes it apart.  JSON Lines have a key ``problem``;
what is no JSON object stands whole under the key ``line``.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.errors import DiskFull, UsageError, WorkerError
from worker.intake.files.readers import Line, Rows
from worker.intake.files.spreadsheets import END, csv_line
from worker.intake.importing import AGAIN
from worker.intake.problems import PROBLEM, Problem

MODE = 0o600  # it holds visitors' data
WHOLE = "line"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Rejects:
    """A file of rejected lines; it is removed again where there was none."""

    def __init__(self, path: Path) -> None:
        """Make the file.

        Raises:
            UsageError: it is there already, or the system does not let us.
        """
        self.path = path
        self.number = 0
        with _told(path):
            raw = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE)
        # Bytes that are no UTF-8 go out as they came in.
        self._file = open(raw, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115, PTH123

    def add(self, rows: Rows, line: Line, problems: Sequence[Problem]) -> None:
        """Write a line and its problems.

        Raises:
            DiskFull: there is no room for it.
        """
        wrong = "; ".join(f"{one.column}: {one.message}" if one.column else one.message for one in problems)
        with _told(self.path):
            if rows.delimiter:
                self._file.write(self._csv(rows, line, wrong))
            else:
                self._file.write(_json(line, wrong))
        self.number += 1

    def close(self) -> None:
        """Store what was written, or remove the file.

        Raises:
            DiskFull: there is no room for it; then the file is removed, too.
        """
        try:
            with _told(self.path):
                self._file.close()
        except WorkerError:
            self.discard()
            raise
        if not self.number:
            self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the file, whatever it has."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _csv(self, rows: Rows, line: Line, wrong: str) -> str:
        header = "" if self.number else csv_line([*rows.columns, PROBLEM], rows.delimiter) + END
        if line.whole is None:
            cells = [line.values[column] for column in rows.columns]
        else:
            cells = [line.whole, *[""] * (len(rows.columns) - 1)]
        return header + csv_line([*cells, wrong], rows.delimiter) + END


def _json(line: Line, wrong: str) -> str:
    values = {WHOLE: line.whole} if line.whole is not None else line.values
    content = {**values, PROBLEM: wrong}
    written = json.dumps(content, ensure_ascii=False)
    # Half a surrogate pair has no UTF-8.
    return (written if _encodable(written) else json.dumps(content)) + "\n"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the system's trouble with the file into ours."""
    failure: WorkerError
    try:
        yield
    except FileExistsError:
        failure = UsageError(f"{path}: is there already", hint="remove it, or name another file")
    except OSError as error:
        failure = trouble(path, error)
    else:
        return
    raise failure


def trouble(name: object, error: OSError) -> WorkerError:
    """Return our error for the system's trouble with a file."""
    if error.errno in FULL:
        return DiskFull(f"{name}: the disk is full", hint=f"make room; then {AGAIN}")
    return UsageError(f"{name}: {error.strerror}")
