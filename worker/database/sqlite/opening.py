"""How an SQLite file is opened: for reading without a trace, for writing once it is known to be ours.

Anyone who only reads makes no file, changes none, and needs no right to write.  SQLite offers three ways, and
which one fits depends on what lies beside the file at that moment.
"""

import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from worker.database.sqlite.files import Access, look, require_usable, side_files, tighten
from worker.errors import DatabaseConflict

# Those of the first schema: another application's database does not have them all.
OUR_TABLES = frozenset({"invite", "delivery", "attempt", "connection", "schema_compatibility"})
READING = ("query_only = ON", "temp_store = MEMORY", "cache_size = -512", "schema_version")
WRITING = (
    "synchronous = FULL",  # an intent must survive a power cut
    "foreign_keys = ON",
    "secure_delete = ON",
    "cache_size = -512",  # KiB for each of a dozen connections; the system caches the file anyway
)
_PLAIN, _UNLOCKED, _INDEX_AS_IT_IS = "mode=ro", "immutable=1", "readonly_shm=1"
_TRIES = 5
_REFUSALS = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL})
_LOG_HEADER = struct.Struct(">III")
_LOG_MAGIC = frozenset({0x377F0682, 0x377F0683})
_LOG_VERSION = 3_007_000
_PAGE_SIZES = frozenset(1 << power for power in range(9, 17))

Raw = TypeVar("Raw", bound=Any)  # the driver's connection
UntilFree = Callable[[Callable[[str], Any], str], Any]
Signature = tuple[int, int, int]


class Opening:
    """One file, and what this process may do with it."""

    def __init__(self, path: Path, access: Access, mode: int, until_free: UntilFree) -> None:
        """Look at the file, make it where *access* says so, and make it private where it is known to be ours.

        Raises:
            SettingsError, DatabaseUnfit, DatabaseUnreachable: it cannot be used.
        """
        self.access = access
        self._path = path.absolute()
        self._mode = mode
        self._until_free = until_free
        self._header = require_usable(path, access, mode)
        self._is_ours: bool | None = True if self._header.is_empty and access == "create" else None
        self._lock = threading.Lock()
        # What is in the way is waited for, or told, by the first connection.
        with suppress(sqlite3.Error, UnicodeDecodeError):
            self._prove_once(lambda execute, query: execute(query))

    def connecting(
        self,
        dialect: sa.Dialect,
        record: Any,  # noqa: ANN401 -- the pool's own type
        arguments: list[Any],
        options: dict[str, Any],
    ) -> DBAPIConnection | None:
        """Say how the next connection is made; one for reading is made here."""
        with self._lock:
            self._prove_once(self._until_free)
        options["uri"] = True
        if self.access != "read":
            arguments[:] = [self._uri("mode=rw")]  # never made a second time where it is gone by now
            return None
        made, record.info[_UNLOCKED] = self._opened_to_read(lambda uri: dialect.connect(uri, **options))
        return made

    def pragmas(self) -> tuple[str, ...]:
        """Return what a new connection is told."""
        if self.access == "read":
            return READING
        return ("journal_mode = WAL", *WRITING) if self._is_ours else WRITING

    @contextmanager
    def steady(self, info: dict[Any, Any]) -> Iterator[None]:
        """Take care that all that is read in it is one state, though no lock may guard it.

        Raises:
            DatabaseConflict: the file was changed while it was read.
        """
        before = info.get(_UNLOCKED)
        try:
            yield
        except sa.exc.DatabaseError:
            if before in {None, self._signature()}:
                raise
        else:
            if before in {None, self._signature()}:
                return
        raise DatabaseConflict("the database was changed while it was read", hint="run it again")

    def _prove_once(self, until_free: UntilFree) -> None:
        """Find out whether the file is ours: then it is made private, and else it is not written to."""
        if self.access == "read" or self._is_ours is not None:
            return
        if (before := look(self._path)) is None:
            return  # the one who opens it is told
        self._is_ours = self._tables(until_free) >= OUR_TABLES
        if self._is_ours:
            tighten(self._path, before, self._mode)
        elif self.access == "write":
            self.access = "read"

    def _tables(self, until_free: UntilFree) -> set[str]:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        made, _ = self._opened_to_read(lambda uri: sqlite3.connect(uri, uri=True, timeout=0))
        with closing(made) as raw:
            return {str(name) for (name,) in until_free(raw.execute, query)}

    def _opened_to_read(self, connect: Callable[[str], Raw]) -> tuple[Raw, Signature | None]:
        """Return a connection that leaves no trace, and what the file is like where no lock will guard it."""
        how = self._how_to_read()
        for _ in range(_TRIES):
            unlocked = self._signature() if _UNLOCKED in how else None
            raw = connect(self._uri(how))
            refusal = _refusal(raw) if _INDEX_AS_IT_IS in how else None
            if refusal is None:
                return raw, unlocked
            raw.close()
            # An index that is half written while others use it, SQLite must repair.  Else it was there a
            # moment ago: the last one who had the file open has closed it.
            how = self._how_to_read() if refusal == sqlite3.SQLITE_CANTOPEN else _PLAIN
        return connect(self._uri(_PLAIN)), None

    def _how_to_read(self) -> str:
        """Return SQLite's options for a connection that leaves no trace.

        Without a log nobody has the file open, and it is read as it is: any other way would make a log.
        Otherwise the log's index is read as it is, too, and SQLite makes one in memory where it is stale.
        """
        if not self._header.in_wal_mode:
            return _PLAIN
        log, index, _ = (look(file) for file in side_files(self._path))
        if log is None or (index is None and log.st_size == 0):
            return f"{_PLAIN}&{_UNLOCKED}"
        # Without an index SQLite makes the file, with the database's owner and mode; the next writer ends it.
        # It waits for ten seconds, and gives up, before it reads the index of a log that is none.
        if index is None or not _is_log(side_files(self._path)[0]):
            return _PLAIN
        return f"{_PLAIN}&{_INDEX_AS_IT_IS}"

    def _uri(self, how: str) -> str:
        return f"file:{quote(os.fsencode(self._path))}?{how}"

    def _signature(self) -> Signature:
        found = look(self._path)
        return (found.st_ino, found.st_size, found.st_mtime_ns) if found else (0, 0, 0)


def _is_log(path: Path) -> bool:
    """Return whether a file begins as a write-ahead log does (SQLite's file format, section 4.1)."""
    try:
        with path.open("rb") as file:
            magic, version, page_size = _LOG_HEADER.unpack(file.read(_LOG_HEADER.size))
    except (OSError, struct.error):
        return False
    return magic in _LOG_MAGIC and version == _LOG_VERSION and page_size in _PAGE_SIZES


def _refusal(raw: Any) -> int | None:  # noqa: ANN401 -- the driver's connection
    """Return SQLite's reason why the index cannot be read as it is, where there is one."""
    try:
        raw.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        reason = error.sqlite_errorcode & 0xFF
        return reason if reason in _REFUSALS else None
    except UnicodeDecodeError:  # damaged: told by the next statement
        return None
    return None
