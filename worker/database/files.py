"""The SQLite file: private from its first byte on, and really a database."""

import contextlib
import os
import stat
from pathlib import Path

import sqlalchemy as sa

from worker.errors import DatabaseUnreachable, SettingsError

MAGIC = b"SQLite format 3\x00"
SIDE_FILES = ("-wal", "-shm", "-journal")


def database_path(url: sa.URL) -> Path:
    """Return the file of an SQLite URL.

    Raises:
        SettingsError: it names no file; a database in memory would be lost with the process.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError(
            "database.url: an SQLite database must be a plain file, as in sqlite:///worker.db"
        )
    return Path(url.database)


def prepare_file(path: Path, mode: int) -> None:
    """Make the file with *mode*, or tighten it; its WAL and SHM files take the same mode.

    Raises:
        SettingsError: it is a directory, or no SQLite database.
        DatabaseUnreachable: the system does not let us in.
    """
    if path.is_dir():
        raise SettingsError(f"database.url: {path} is a directory, not a database file")
    try:
        _create_or_tighten(path, mode)
        head = _first_bytes(path)
    except OSError as error:
        reason = error.strerror
    else:
        if head and head != MAGIC:
            raise SettingsError(f"database.url: {path} is not an SQLite database")
        return
    raise DatabaseUnreachable(
        f"{path}: {reason}",
        hint="the worker's user must be able to read and write the file and its directory",
    )


def _create_or_tighten(path: Path, mode: int) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
    except FileExistsError:
        for file in (path, *(path.with_name(path.name + end) for end in SIDE_FILES)):
            _tighten(file, mode)


def _tighten(file: Path, mode: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # the last one to close the database removes the side files
        present = stat.S_IMODE(file.stat().st_mode)
        if present & ~mode:
            file.chmod(present & mode)


def _first_bytes(path: Path) -> bytes:
    with path.open("r+b") as file:
        return file.read(len(MAGIC))
