"""PostgreSQL: one connection hears what the triggers send at a caller's commit.

It stands outside any transaction: one that is open keeps the server's queue of notifications from being
emptied, and once that is full no caller can commit.
"""

import select
from typing import Any

import structlog
from sqlalchemy import PoolProxiedConnection

from worker.arrivals.announcing import CHANNEL, decide
from worker.database import Database
from worker.database.postgresql.connecting import is_pooled

log = structlog.get_logger()

SLICE_MS = 250  # how soon the end of the process is heeded
POOLED = "pooled"


class Listener:
    """Listens where that is of use, and lets the triggers know whether somebody does."""

    def __init__(self, database: Database, *, notify: bool) -> None:
        """Connect nothing yet; *notify* false: some caller prepares transactions, which NOTIFY forbids."""
        self._database = database
        self._notify = notify

    def open(self) -> "Heard | None":
        """Return a line that hears the next change, None behind a pooler and where nobody shall notify."""
        if not self._notify:
            decide(self._database, announced=False)
            return None
        with self._database.read() as connection:
            if is_pooled(connection):  # the server's connection is somebody else's the next moment
                log.info("arrivals.polled", error_code=POOLED)
                return None
        line = Heard(self._database.engine.raw_connection())
        try:
            line.listen()
            decide(self._database, announced=True)
        except BaseException:
            line.close()
            raise
        return line


class Heard:
    """A connection that listens."""

    def __init__(self, taken: PoolProxiedConnection) -> None:
        """Take one of the pool's, which is never given back: what is set for it would be the next one's."""
        self._taken = taken
        self._raw: Any = taken.driver_connection
        self._poll = select.poll()
        self._is_new = True

    def listen(self) -> None:
        """Hear from now on."""
        (channel,) = self._raw.execute(f"SELECT {CHANNEL}").fetchone()
        self._raw.execute(f"LISTEN {channel}")
        self._poll.register(self._raw.fileno(), select.POLLIN)

    def look(self) -> bool:
        """Wait for a notification; what was committed before anybody listened counts as one."""
        if self._is_new:
            self._is_new = False
            return True
        return bool(self._poll.poll(SLICE_MS)) and any(self._raw.notifies(timeout=0))

    def close(self) -> None:
        """Hang up."""
        self._taken.invalidate()
