"""SQLite: whether somebody has committed is a number in shared memory, looked at a few times a second.

It says so of our own commits, too.  What callers' changes make due is counted by the contract's triggers, in
the caller's transaction, and only that number says that something arrived.
"""

import threading
from typing import Any

from sqlalchemy import PoolProxiedConnection

from worker.database import Database

EVERY_SECONDS = 0.2
_COMMITS = "PRAGMA data_version"  # of all other connections; costs no read of the file
_NUMBER = "SELECT number FROM arrival"


class Looker:
    """Looks again and again, by a connection of its own."""

    def __init__(self, database: Database, stop: threading.Event) -> None:
        """Look at nothing yet."""
        self._database = database
        self._stop = stop
        self._number: Any = None  # as some line saw it last

    def open(self) -> "Looked":
        """Return a line; what was committed before it, or between two lines, is not missed."""
        return Looked(self, self._database.engine.raw_connection())

    def is_new(self, number: Any) -> bool:  # noqa: ANN401 -- as it is stored, or nothing
        """Remember the number, and say whether it differs from the one before; the first one always does."""
        before, self._number = self._number, number
        return bool(before != number)

    def pause(self) -> bool:
        """Wait until the next look is due; say whether the process is to end."""
        return self._stop.wait(EVERY_SECONDS)


class Looked:
    """A connection that looks."""

    def __init__(self, looker: Looker, taken: PoolProxiedConnection) -> None:
        """Take one of the pool's."""
        self._looker = looker
        self._taken = taken
        self._raw: Any = taken.driver_connection
        self._commits: int | None = None

    def look(self) -> bool:
        """Wait for a moment, and return whether callers' changes were counted since the look before."""
        if self._commits is not None and self._looker.pause():
            return False
        (commits,) = self._raw.execute(_COMMITS).fetchone()
        if commits == self._commits:
            return False
        self._commits = commits
        return self._looker.is_new(self._raw.execute(_NUMBER).fetchone())

    def close(self) -> None:
        """Give the connection back."""
        self._taken.close()
