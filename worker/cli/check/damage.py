"""Check an SQLite file for damage."""

from collections.abc import Iterator
from pathlib import Path

from worker.cli.check.findings import Finding, fail, failures, ok
from worker.database import Database
from worker.database.meanings import DAMAGED_HINT
from worker.database.sqlite.files import database_path
from worker.errors import ExitCode, WorkerError

MOST_BYTES = 128 * 1024 * 1024  # a larger file takes more than a second or two
MOST_NAMED = 3


def findings(database: Database, *, deep: bool) -> Iterator[Finding]:
    """Yield whether the file is whole; a large one is read where *deep* says so. Nothing on PostgreSQL.

    Writers are not kept waiting.
    """
    if not database.is_sqlite:
        return
    size = _size(database_path(database.url))
    if size > MOST_BYTES and not deep:
        yield ok(f"database file: {size >> 20:,} MiB, too large to be searched for damage without --deep")
        return
    try:
        found = _damage(database, deep=deep)
    except WorkerError as error:
        yield from failures(error)
        return
    if found:
        yield fail(f"the database file is damaged: {_first(found)}", DAMAGED_HINT, ExitCode.SETTINGS)
    else:
        yield ok("database file: no damage was found")


def _damage(database: Database, *, deep: bool) -> list[str]:
    """Return what SQLite finds; *deep* has it compare each index with its table as well."""
    how = "integrity_check" if deep else "quick_check"
    with database.read() as connection:
        told = connection.exec_driver_sql(f"PRAGMA {how}({MOST_NAMED + 1})").scalars().all()
    lines = (line for text in told for line in str(text).splitlines())
    return [line for line in lines if line != "ok" and not line.startswith("***")]


def _first(found: list[str]) -> str:
    return "; ".join(found[:MOST_NAMED]) + ("; ..." if len(found) > MOST_NAMED else "")


def _size(path: Path) -> int:
    """Return how many bytes the file and its write-ahead log have."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
