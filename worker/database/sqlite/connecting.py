"""An SQLite file: how its connections are made, and whose turn it is to write.

SQLite's own wait for another writer ends for nobody.  So each connection waits for a moment only, and
transactions begin again and again, until their time is over or the process is to end.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from worker.database.failures import is_locked
from worker.database.meanings import locked
from worker.database.sqlite.files import Access, database_path
from worker.database.sqlite.opened import OpenedFile
from worker.database.sqlite.opening import Opening
from worker.errors import SettingsError
from worker.stopping import SLICE_SECONDS, Wait

BUSY_TIMEOUT_SECONDS = 10.0
# A verdict is offered several times while the process ends; everything else is done again next time.
BUSY_SECONDS_STOPPING = 0.5
LONGEST_SECONDS = 86_400.0
FOREVER = float(threading.TIMEOUT_MAX)
READ_ONLY = "worker_read_only"
OUTSIDE = "worker_outside"


class SqliteFile:
    """How this process deals with one file; one is shared by all threads."""

    def __init__(self, url: sa.URL, stop: threading.Event, access: Access, mode: int) -> None:
        """Take for how long another writer is waited for from the URL, where it says so: ``?timeout=2``.

        Raises:
            SettingsError: what it says is no number of seconds, or the file is no database.
            DatabaseUnfit, DatabaseUnreachable: the file cannot be used.
        """
        self._seconds = _seconds(url)
        self._stop = stop
        self.opening = Opening(database_path(url), access, mode, self._until_free)
        # SQLite has one writer: threads of one process queue here, not in its busy handler's sleeps.
        self._writer = threading.RLock()
        self.opened = OpenedFile(database_path(url))

    @property
    def moment(self) -> float:
        """For how long a connection waits by itself, in seconds."""
        return min(self._seconds, SLICE_SECONDS)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the one thread of this process that writes.

        Raises:
            DatabaseLocked: the process is to end, and it was not this thread's turn in time.
        """
        if not Wait(self._stop, FOREVER, stopping=BUSY_SECONDS_STOPPING).acquire(self._writer):
            raise locked()
        try:
            yield
        finally:
            self._writer.release()

    def listen(self, engine: sa.Engine) -> None:
        """Have a hand in all that the engine does."""
        event.listen(engine, "do_connect", self.connect)
        event.listen(engine, "connect", self.prepare)
        event.listen(engine, "close", self.opened.closed)
        event.listen(engine, "begin", self.begin)

    def connect(self, dialect: sa.Dialect, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:  # noqa: ANN401 -- the pool's and the driver's own types
        """Return a new connection; one that may write is made to the file that was opened first."""
        made = self.opening.connecting(dialect, record, arguments, options)
        return made or self.opened.connect(lambda: dialect.connect(*arguments, **options))

    def prepare(self, raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's own types
        """Make a new connection ready for use."""
        raw.isolation_level = None  # the driver must not begin transactions behind our back
        # A caller may have written Latin-1 bytes: one such row must not keep all others from being read.
        raw.text_factory = _decode
        if self.opening.access == "create" and self._until_free(
            raw.execute, "PRAGMA page_count"
        ).fetchone() == (0,):
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first page is written
        for pragma in self.opening.pragmas():
            self._until_free(raw.execute, f"PRAGMA {pragma}")
        self.opened.prepared()

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction, as soon as no other program is in the way."""
        options = connection.get_execution_options()
        if options.get(OUTSIDE, False):
            return
        # A program that keeps even readers out is met by new connections only.
        read_only = options.get(READ_ONLY, False)
        if not read_only:
            self.opened.require(connection)
        self._until_free(connection.exec_driver_sql, "BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")

    @contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Let a connection do what SQLite does in no transaction, once no other program writes."""
        self.opened.require(connection)
        self._until_free(connection.exec_driver_sql, "BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_milliseconds(self._wait().left())}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_milliseconds(self.moment)}")

    def _until_free(self, execute: Callable[[str], Any], statement: str) -> Any:  # noqa: ANN401 -- a cursor
        """Execute what waits for another program, again and again within the time."""
        wait = self._wait()
        while True:
            try:
                return execute(statement)
            except UnicodeDecodeError:  # the driver met it in SQLite's words, which quote what is damaged
                break
            except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
                if not (is_locked(error) and wait.left()):
                    raise
        damage = sqlite3.DatabaseError("malformed database schema")
        damage.sqlite_errorname = "SQLITE_CORRUPT"
        raise sa.exc.DatabaseError(None, None, damage)

    def _wait(self) -> Wait:
        return Wait(self._stop, self._seconds, stopping=BUSY_SECONDS_STOPPING)


def _seconds(url: sa.URL) -> float:
    try:
        seconds = float(str(url.query.get("timeout", BUSY_TIMEOUT_SECONDS)))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise SettingsError("database.url: timeout must be a number of seconds, a day at most")
    return seconds


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")
