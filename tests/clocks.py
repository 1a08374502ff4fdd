"""A wall clock that jumps on command: Python's and the database's, under real processes that run.

Nothing of the worker's is replaced.  Python's clock is turned by time-machine, below all of Python; SQLite's
by the file system layer that it asks for the time; PostgreSQL's by a schema that its database looks into
before its own.  All three ask one file each time by how many microseconds the clock is wrong: a host has one
clock, and a process that saw the database's turned before its own would rightly take them for the clocks of
two hosts.  What counts seconds since the boot goes on, as it does on a host whose clock is set.
"""

import ctypes
import mmap
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine

from tests.installation import Installation

ENTRY = "TESTS_TURNED_CLOCK"  # the file with the number, for processes that follow it
BYTES = 8  # of the number: so few are written and read at once
# Before PostgreSQL's own functions, which is not where it looks unless it is told to.
TURNED = """
CREATE SCHEMA clock;
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.now() + interval '1 microsecond'
        * ('x' || encode(pg_read_binary_file('{file}'), 'hex'))::bit(64)::bigint
$$;
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND column_default = 'now()'
    LOOP EXECUTE format('ALTER TABLE %I ALTER %I SET DEFAULT clock.now()', one.table_name, one.column_name);
    END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND proconfig IS NOT NULL
    LOOP EXECUTE format('ALTER FUNCTION %s SET search_path = public, clock, pg_catalog', one.name);
    END LOOP;
END $$
"""
BEFORE_ITS_OWN = 'ALTER DATABASE "{name}" SET search_path = public, clock, pg_catalog'


class Clock:
    """The clock of one host: an installation's processes, its database, and the callers on it."""

    def __init__(self, installation: Installation, file: Path) -> None:
        """Begin with the right time; processes that are started from now on follow."""
        self._file = file
        self.wrong = timedelta()
        file.write_bytes(bytes(BYTES))
        file.chmod(0o644)  # the server may be another user's
        installation.env[ENTRY] = str(file)

    def jump(self, by: timedelta) -> None:
        """Set the clock, for everybody at the same moment."""
        self.wrong += by
        number = self.wrong // timedelta(microseconds=1)
        with self._file.open("r+b", buffering=0) as file:
            file.write(number.to_bytes(BYTES, "big", signed=True))

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.wrong


@contextmanager
def turned(installation: Installation, folder: Path) -> Iterator[Clock]:
    """Give the clock of an installation; the test's own statements go by it, too, as a caller's would."""
    if installation.database.is_sqlite:
        clock = Clock(installation, folder / "clock")
        with turned_sqlite(_wrong_by(folder / "clock")):
            yield clock
        return
    name = str(installation.database.url.database)
    file = _folder_of_server(installation) / f"clock-{name}"
    clock = Clock(installation, file)
    with psycopg.connect(installation.env["DATABASE_URL"]) as connection:
        connection.execute(TURNED.replace("{file}", str(file)).encode())
        connection.execute(BEFORE_ITS_OWN.format(name=name).encode())
    installation.database.engine.dispose()  # what is connected already looks where it did
    yield clock
    file.unlink()


def _folder_of_server(installation: Installation) -> Path:
    """Return a folder that a PostgreSQL server on this host reads."""
    with installation.database.read() as connection:
        folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
    if not folder.is_dir():
        pytest.skip("the server is another host's, which has a clock of its own")
    return folder


def _wrong_by(file: Path) -> Callable[[], int]:
    """Return what reads by how many microseconds the clock is wrong at that moment."""
    with file.open("rb") as opened:
        shared = mmap.mmap(opened.fileno(), BYTES, access=mmap.ACCESS_READ)
    return lambda: int.from_bytes(shared[:BYTES], "big", signed=True)


def follow(file: Path) -> None:
    """Turn the clocks of this process, from now on until its end, by what a file says."""
    wrong = _wrong_by(file)
    _keep.append(turned_sqlite(wrong))
    _keep[-1].__enter__()
    time_ns = time_machine.escape_hatch.time.time_ns
    traveller = time_machine.travel(datetime.now(UTC), tick=True).start()
    traveller.time_ns = lambda: time_ns() + wrong() * 1000  # type: ignore[method-assign]  # asked each time


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
def turned_sqlite(wrong: Callable[[], int]) -> Iterator[None]:
    """Have SQLite take the time from its system and add so many microseconds."""
    library = _library()
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    system = library.sqlite3_vfs_find(None).contents
    assert system.version >= 2
    before = system.current_time_ms
    own = _MILLISECONDS(before)

    def current_time_ms(this: int, found: "ctypes._Pointer[ctypes.c_int64]") -> int:
        code: int = own(this, found)
        found[0] += wrong() // 1000
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
