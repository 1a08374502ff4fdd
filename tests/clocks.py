"""A wall clock that jumps on command: Python's and the database's, under real processes that run.

Nothing of the worker's is replaced.  Python's clock is turned by time-machine, below all of Python; SQLite's
by the file system layer that it asks for the time; PostgreSQL's by a schema that its database looks into
before its own.  All three follow one number: seconds by which the clock is wrong.  What counts seconds since
the boot goes on, as it does on a host whose clock is set.
"""

import ctypes
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from tests.acceptance.installation import Installation

ENTRY = "TESTS_TURNED_CLOCK"  # the file with the number, for processes that follow it
LOOK_EVERY_SECONDS = 0.01
# Before PostgreSQL's own functions, which is not where it looks unless it is told to.
TURNED = """
CREATE SCHEMA clock;
CREATE TABLE clock.wrong (seconds double precision NOT NULL);
INSERT INTO clock.wrong VALUES (0);
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + make_interval(secs => seconds) FROM clock.wrong';
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND column_default = 'now()'
    LOOP EXECUTE format('ALTER TABLE %%I ALTER %%I SET DEFAULT clock.now()', one.table_name, one.column_name);
    END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND proconfig IS NOT NULL
    LOOP EXECUTE format('ALTER FUNCTION %%s SET search_path = public, clock, pg_catalog', one.name);
    END LOOP;
END $$
"""
BEFORE_ITS_OWN = 'ALTER DATABASE "{name}" SET search_path = public, clock, pg_catalog'


class Clock:
    """The clock of one host: an installation's processes, its database, and the callers on it."""

    def __init__(self, installation: Installation, file: Path) -> None:
        """Begin with the right time; processes that are started from now on follow."""
        self._database = installation.database
        self._file = file
        self._turn_to(0.0)
        installation.env[ENTRY] = str(file)

    def jump(self, by: timedelta) -> None:
        """Set the clock."""
        self._turn_to(self.wrong + by.total_seconds())

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + timedelta(seconds=self.wrong)

    def _turn_to(self, seconds: float) -> None:
        self.wrong = seconds
        # Both at once, or a process would see the difference between them as one between two hosts.
        written = self._file.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self._file)
        if not self._database.is_sqlite:
            with self._database.write() as connection:
                connection.exec_driver_sql(f"UPDATE clock.wrong SET seconds = {seconds}")  # noqa: S608 -- a number


@contextmanager
def turned(installation: Installation, folder: Path) -> Iterator[Clock]:
    """Give the clock of an installation; the test's own statements go by it, too, as a caller's would."""
    if not installation.database.is_sqlite:
        with installation.database.write() as connection:
            for statement in (TURNED, BEFORE_ITS_OWN.format(name=installation.database.url.database)):
                connection.exec_driver_sql(statement)
        installation.database.engine.dispose()  # what is connected already looks where it did
        yield Clock(installation, folder / "clock")
        return
    clock = Clock(installation, folder / "clock")
    with turned_sqlite(lambda: clock.wrong):
        yield clock


def follow(file: Path) -> None:
    """Turn the clocks of this process, from now on until its end, by what a file says."""
    wrong = [0.0]
    _keep.append(turned_sqlite(lambda: wrong[0]))
    _keep[-1].__enter__()
    traveller = time_machine.travel(datetime.now(UTC), tick=True).start()

    def look() -> None:
        # Signals are for the worker: a thread that takes one would end the process by it.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            if (said := float(file.read_text())) != wrong[0]:
                traveller.shift(said - wrong[0])
                wrong[0] = said
            ready.set()
            time.sleep(LOOK_EVERY_SECONDS)

    ready = threading.Event()
    threading.Thread(target=look, name="clock", daemon=True).start()
    ready.wait()


def entered() -> None:
    """Follow a file where the environment names one."""
    if file := os.environ.pop(ENTRY, ""):
        follow(Path(file))


class _Vfs(ctypes.Structure):
    """What SQLite asks of an operating system (sqlite3.h, version 2)."""

    _fields_ = (
        ("version", ctypes.c_int), ("file_size", ctypes.c_int), ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
        ("functions", ctypes.c_void_p * 10),
        ("current_time", ctypes.c_void_p), ("last_error", ctypes.c_void_p),
        ("current_time_ms", ctypes.c_void_p),
    )  # fmt: skip


_MILLISECONDS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64))
_keep: list[AbstractContextManager[None]] = []  # until the process ends


@contextmanager
def turned_sqlite(wrong: Callable[[], float]) -> Iterator[None]:
    """Have SQLite take the time from its system and add so many seconds."""
    library = _library()
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    system = library.sqlite3_vfs_find(None).contents
    assert system.version >= 2
    before = system.current_time_ms
    own = _MILLISECONDS(before)

    def current_time_ms(this: int, found: "ctypes._Pointer[ctypes.c_int64]") -> int:
        code: int = own(this, found)
        found[0] += round(wrong() * 1000)
        return code

    replaced = _MILLISECONDS(current_time_ms)
    system.current_time_ms = ctypes.cast(replaced, ctypes.c_void_p)
    try:
        yield
    finally:
        system.current_time_ms = before


def _library() -> ctypes.CDLL:
    """Return the library that Python's own module has loaded, or the module that it is part of."""
    assert sqlite3.sqlite_version
    loaded = re.findall(r"\S*/(?:lib|_)sqlite3\S*\.so\S*", Path("/proc/self/maps").read_text())
    libraries = [ctypes.CDLL(name) for name in sorted(set(loaded), key=lambda name: "libsqlite3" not in name)]
    return next(library for library in libraries if hasattr(library, "sqlite3_vfs_find"))
