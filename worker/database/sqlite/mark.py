"""The mark beside an SQLite file that took the place of another: nothing is sent from it until it is known.

It is a file of its own.  To write into the database would mean to open it, and a write-ahead log that
still lies there may be the other file's.  Where nothing lies at the path any more, the mark is for whatever
is put there but for the file that was renamed.
"""

import os
from contextlib import suppress
from pathlib import Path

from worker.errors import DatabaseRestored

END = "-restored"
TEXT = "This database took the place of another while a worker ran on it: see `envoy-worker db restored`.\n"
BUT_FOR = "But for the file with the inode "


def mark(path: Path, *, but_for: int | None = None) -> None:
    """Mark the database file at *path*, or the next one to be put there that has not that inode."""
    with open(_of(path), "w", encoding="utf-8", opener=_private) as file:
        file.write(TEXT if but_for is None else f"{TEXT}{BUT_FOR}{but_for}\n")


def is_marked(path: Path) -> bool:
    """Return whether the database file at *path* is marked."""
    if not _of(path).exists():
        return False
    return not _is_for_others(path)


def clear(path: Path) -> None:
    """Take away a mark that is not for the file at *path*, which was renamed and is back."""
    if _of(path).exists() and _is_for_others(path):
        unmark(path)


def unmark(path: Path) -> None:
    """Take the mark away, where there is one."""
    _of(path).unlink(missing_ok=True)


def unsaid(path: Path) -> DatabaseRestored:
    """Return the error of a command that would send from a marked file."""
    return DatabaseRestored(
        f"{path} took the place of another file while a worker ran on it; what was sent since is not known",
        hint="run `envoy-worker db restored`: then each create is first looked up in Envoy",
    )


def _is_for_others(path: Path) -> bool:
    but_for = ""
    with suppress(OSError):  # another user's, who shares the file: it counts
        but_for = _of(path).read_text(encoding="utf-8").partition(BUT_FOR)[2].strip()
    return bool(but_for) and (not path.exists() or str(path.stat().st_ino) == but_for)


def _of(path: Path) -> Path:
    real = Path(os.path.realpath(path))  # beside what a link leads to, where every other path finds it, too
    return real.with_name(real.name + END)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
