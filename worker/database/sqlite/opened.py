"""The SQLite file that was opened first: the path must lead to it for as long as it is used.

A restore by ``mv`` takes the path away from a worker that runs.  It would write on into a file that nobody
ever opens again, and the next one to start would send once more what was sent by then.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection as Connection

from worker.database.meanings import REPLACED_HINT
from worker.database.sqlite.mark import mark
from worker.errors import DatabaseReplaced

# While a connection is open, SQLite itself neither removes nor replaces them.
SIDE_FILES = ("-wal", "-shm")

Place = tuple[int, int]  # device and inode: looked at by path, since to open and close it would end its locks


class OpenedFile:
    """What one process has opened; shared by all threads."""

    def __init__(self, path: Path) -> None:
        """Take the path as it is now, whatever becomes of the folders above it; nothing is opened yet."""
        self._path = str(path.absolute())
        self._real = self._path
        self._lock = threading.Lock()
        self._main: Place | None = None
        self._sides: dict[str, Place] = {}
        self._connections = 0
        self._marked: set[int | None] = set()

    def connect(self, make: Callable[[], Connection]) -> Connection:
        """Return a new connection to the file that was opened first.

        Raises:
            DatabaseReplaced: the path leads to another by now.
        """
        while True:
            before = self._place("")
            if self._main not in {None, before}:
                raise self._replaced("")
            raw = make()
            after = self._place("")
            if before in {None, after}:
                break
            raw.close()  # it may be either file's
        with self._lock:
            if self._main is None:  # the side files lie beside what a link leads to
                self._main, self._real = after, os.path.realpath(self._path)
        return raw

    def prepared(self) -> None:
        """Take note of a connection that has read, so that its side files are there."""
        with self._lock:
            self._connections += 1
            if not self._sides:
                places = {end: self._place(end) for end in SIDE_FILES}
                self._sides = {end: place for end, place in places.items() if place is not None}

    def closed(self, _raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's and the pool's own types
        """Take note of a connection that is about to be closed; the last one removes the side files."""
        with self._lock:
            self._connections -= 1
            if not self._connections:
                self._sides = {}

    def forget(self) -> None:
        """Begin again, after the last connection was closed; a last look may still find the file replaced."""
        with suppress(sa.exc.OperationalError):
            if self._main is not None and self._place("") not in {None, self._main}:
                self._mark()
        with self._lock:
            self._main = None
            self._marked.clear()

    def require(self, connection: sa.Connection) -> None:
        """Return if the path still leads to what was opened.

        Raises:
            DatabaseReplaced: it does not; a file that lies there instead is marked.
            OperationalError: nobody can tell at this moment.
        """
        for end, place in (("", self._main), *self._sides.items()):
            if self._place(end) != place:
                break
        else:
            return
        if not end or self._place(end) is None:  # else another program is at work with it
            _empty_log(connection.connection.driver_connection)
        raise self._replaced(end)

    def _replaced(self, end: str) -> DatabaseReplaced:
        name = f"{self._real}{end}" if end else self._path
        if self._place(end) is not None:
            self._mark()
            return DatabaseReplaced(f"{name} was replaced while it was in use", hint=REPLACED_HINT)
        if end:
            return DatabaseReplaced(
                f"{name} was removed while it was in use",
                hint="what it held is in the database file now: run `envoy-worker check --deep`, then start",
            )
        self._mark(but_for=self._main[1] if self._main else None)
        return DatabaseReplaced(
            f"{name} was removed or renamed while it was in use",
            hint=f"put it back, with its -wal; or restore a backup: {REPLACED_HINT}",
        )

    def _mark(self, but_for: int | None = None) -> None:
        """Mark the file that lies there; once, for by then the operator may have said what it is."""
        with self._lock:
            marked = but_for in self._marked
            self._marked.add(but_for)
        if not marked:
            with suppress(OSError):
                mark(Path(self._path), but_for=but_for)

    def _place(self, end: str) -> Place | None:
        try:
            found = os.stat(self._real + end if end else self._path)  # noqa: PTH116 -- before every write
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = error.strerror
        else:
            return found.st_dev, found.st_ino
        raise _unseen(f"{self._path}: {reason}")


def _unseen(text: str) -> sa.exc.OperationalError:
    """Return the error of a path that cannot be looked at: the file may be there all the same."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = "SQLITE_CANTOPEN"  # as SQLite would say it, so that it is waited for and told
    return sa.exc.OperationalError(None, None, error)


def _empty_log(raw: Any) -> None:  # noqa: ANN401 -- the driver's own type
    """Save what only the log has; a log that is left beside another file then does it no harm, either."""
    with suppress(sqlite3.Error):
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
