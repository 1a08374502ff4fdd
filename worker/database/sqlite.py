"""An SQLite file: how its connections are made, and whose turn it is to write.

SQLite's own wait for another writer ends for nobody.  So each connection waits for a moment only, and
transactions begin again and again, until their time is over or the process is to end.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from worker.database.failures import is_locked, locked
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

    def __init__(self, url: sa.URL, stop: threading.Event) -> None:
        """Take for how long another writer is waited for from the URL, where it says so: ``?timeout=2``.

        Raises:
            SettingsError: what it says is no number of seconds.
        """
        self._seconds = _seconds(url)
        self._stop = stop
        # SQLite has one writer: threads of one process queue here, not in its busy handler's sleeps.
        self._writer = threading.RLock()

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

    def prepare(self, raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's own types
        """Make a new connection ready for use."""
        raw.isolation_level = None  # the driver must not begin transactions behind our back
        # A caller may have written Latin-1 bytes: one such row must not keep all others from being read.
        raw.text_factory = _decode
        raw.execute(f"PRAGMA busy_timeout = {_milliseconds(self._wait().left())}")
        if raw.execute("PRAGMA page_count").fetchone() == (0,):
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first page is written
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",  # an intent must survive a power cut
            "foreign_keys = ON",
            "secure_delete = ON",
            "cache_size = -512",  # KiB for each of a dozen connections; the system caches the file anyway
            f"busy_timeout = {_milliseconds(self.moment)}",
        ):
            raw.execute(f"PRAGMA {pragma}")

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction, as soon as no other program is in the way."""
        options = connection.get_execution_options()
        if options.get(OUTSIDE, False):
            return
        if not options.get(READ_ONLY, False):
            self._until_free(connection, "BEGIN IMMEDIATE")
            return
        connection.exec_driver_sql("BEGIN DEFERRED")
        # It is the first reading that meets a program which keeps even readers out.
        self._until_free(connection, "PRAGMA schema_version")

    @contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Let a connection do what SQLite does in no transaction, once no other program writes."""
        self._until_free(connection, "BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_milliseconds(self._wait().left())}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_milliseconds(self.moment)}")

    def _until_free(self, connection: sa.Connection, statement: str) -> None:
        """Execute what waits for another program, again and again within the time."""
        wait = self._wait()
        while True:
            try:
                connection.exec_driver_sql(statement).close()
            except sa.exc.OperationalError as error:
                if not (is_locked(error) and wait.left()):
                    raise
            else:
                return

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
