"""The SQLite file: looked at before it is touched, and private from its first byte on."""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from worker.database.sqlite.ownership import require_owner, require_owner_of_side
from worker.errors import DatabaseUnreachable, SettingsError

# What a process opens the database for.  Only what migrates makes a file that is not there.
Access = Literal["read", "write", "create"]

MAGIC = b"SQLite format 3\x00"
SIDE_FILES = ("-wal", "-shm", "-journal")
_HEADER = 20
_READ_BY_WAL = 19  # the header's byte that is 2 where readers must look into a write-ahead log, too
# Never to wait, as for a FIFO's writer, and never to be inherited.
_QUIETLY = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_RIGHTS_HINT = "the worker's user must be able to read and write the file and its directory"


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say; all false for a file without any."""

    in_wal_mode: bool = False
    is_empty: bool = False


def database_path(url: sa.URL) -> Path:
    """Return the file of an SQLite URL.

    Raises:
        SettingsError: it names no file; a database in memory would be lost with the process.
    """
    if (
        not url.database
        or url.database == ":memory:"
        or url.database.startswith("file:")
        or "\0" in url.database
    ):
        raise SettingsError(
            "database.url: an SQLite database must be a plain file, as in sqlite:///worker.db"
        )
    return Path(url.database)


def side_files(path: Path) -> list[Path]:
    """Return where SQLite keeps what belongs to the file: beside what a link leads to."""
    real = path.resolve()
    return [real.with_name(real.name + end) for end in SIDE_FILES]


def look(path: Path) -> os.stat_result | None:
    """Return what the system knows of the file that a path leads to, None if there is none."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_usable(path: Path, access: Access, mode: int) -> Header:
    """Return the header of a file that may be opened; it is made with *mode* where *access* allows it.

    Nothing is opened before it is known to be a plain file, and ours.

    Raises:
        SettingsError: it is not there, or no SQLite database.
        DatabaseUnfit: it belongs to another user.
        DatabaseUnreachable: the system does not let us in.
    """
    try:
        if access == "create":
            with contextlib.suppress(FileExistsError):
                return _create(path, mode)
        found = look(path)
        if found is None:
            raise _missing(path)
        _require_plain(path, found)
        require_owner(path, found, mode)
        _require_owners_of_sides(path, mode)
        return _header(path, access, mode)
    except OSError as error:
        reason = error.strerror
    raise DatabaseUnreachable(f"{path}: {reason}", hint=_RIGHTS_HINT)


def tighten(path: Path, proven: os.stat_result, mode: int) -> None:
    """Take rights away from the *proven* file, and from its side files, where they have more than *mode*.

    Only what needs it is opened: to close a descriptor of a file gives up all locks of the process there.
    """
    for file in (path, *side_files(path)):
        with contextlib.suppress(FileNotFoundError):  # the last one to close the database removes the others
            found = file.stat() if file == path else file.lstat()
            if _is_too_open(found, mode) and (file != path or os.path.samestat(found, proven)):
                _tighten_opened(file, found, mode)


def _tighten_opened(file: Path, found: os.stat_result, mode: int) -> None:
    descriptor = os.open(file, os.O_RDONLY | _QUIETLY)
    try:
        if os.path.samestat(os.fstat(descriptor), found):
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & mode)
    finally:
        os.close(descriptor)


def _is_too_open(found: os.stat_result, mode: int) -> bool:
    ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    return ours and bool(stat.S_IMODE(found.st_mode) & ~mode)


def _missing(path: Path) -> SettingsError:
    real = path.resolve()
    place = "" if real == path else f" ({real})"
    return SettingsError(
        f"database.url: there is no file {path}{place}",
        hint="`envoy-worker db upgrade` makes it; or correct DATABASE_URL, [database] url"
        " or the working directory",
    )


def _require_plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no plain file")
        raise SettingsError(f"database.url: {path} is {kind}, not a database file")


def _require_owners_of_sides(path: Path, mode: int) -> None:
    for side in side_files(path):
        if (found := look(side)) is not None:
            require_owner_of_side(side, found, mode)


def _create(path: Path, mode: int) -> Header:
    os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode))
    return Header(is_empty=True)


def _header(path: Path, access: Access, mode: int) -> Header:
    descriptor = os.open(path, (os.O_RDONLY if access == "read" else os.O_RDWR) | _QUIETLY)
    try:
        found = os.fstat(descriptor)
        _require_plain(path, found)
        head = os.read(descriptor, _HEADER)
        if not head and access == "create" and _is_too_open(found, mode):  # what we put into it is ours
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & mode)
    finally:
        os.close(descriptor)
    if head and not head.startswith(MAGIC):
        raise SettingsError(f"database.url: {path} is not an SQLite database")
    return Header(in_wal_mode=head[_READ_BY_WAL:] == b"\x02", is_empty=not head)
