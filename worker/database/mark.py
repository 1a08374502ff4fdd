"""The mark beside an SQLite file that took the place of another: nothing is sent from it until it is known.

It is a file of its own.  To write into the database would mean to open it, and a write-ahead log that
still lies there may be the other file's.
"""

import os
from pathlib import Path

from worker.errors import DatabaseRestored

END = "-restored"
TEXT = "This database took the place of another while a worker ran on it: see `envoy-worker db restored`.\n"


def mark(path: Path) -> None:
    """Mark the database file at *path*."""
    with open(_of(path), "w", encoding="utf-8", opener=_private) as file:
        file.write(TEXT)


def is_marked(path: Path) -> bool:
    """Say whether the database file at *path* is marked."""
    return _of(path).exists()


def unmark(path: Path) -> None:
    """Take the mark away, where there is one."""
    _of(path).unlink(missing_ok=True)


def unsaid(path: Path) -> DatabaseRestored:
    """Return the error of whoever would send from a marked file."""
    return DatabaseRestored(
        f"{path} took the place of another file while a worker ran on it; what was sent since is not known",
        hint="run `envoy-worker db restored`: then each create is first looked up in Envoy",
    )


def _of(path: Path) -> Path:
    real = Path(os.path.realpath(path))  # beside what a link leads to, where every other path finds it, too
    return real.with_name(real.name + END)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
