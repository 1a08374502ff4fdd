"""Trouble with the database, told once when it begins and once when it is over.

A failure is met by every thread and every run until the database is back; one line is enough.
"""

import threading
import time
from collections.abc import Callable

import structlog

from worker.errors import (
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseRefused,
    DatabaseReplaced,
    DatabaseRestored,
    DatabaseUnfit,
    DiskFull,
    KeysLost,
    SchemaError,
    WorkerError,
)

# For how long nothing may fail before it is called over.  A lock or a full disk lets some writes through.
QUIET_SECONDS = {"unreachable": 1.0, "locked": 15.0, "disk_full": 15.0}

CODES: tuple[tuple[type[WorkerError], str], ...] = (
    (DiskFull, "disk_full"),
    (DatabaseLocked, "locked"),
    (DatabaseRefused, "database_refused"),
    (DatabaseDamaged, "database_damaged"),
    (DatabaseReplaced, "database_replaced"),
    (DatabaseRestored, "database_restored"),
    (DatabaseUnfit, "database_unfit"),
    (SchemaError, "schema"),
    (KeysLost, "keys_lost"),
)

log = structlog.get_logger()


class Troubles:
    """What this process has met of one database; where all is well it costs one comparison."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of none; nothing is told until `tell`: a command says itself what is wrong."""
        self._clock = clock
        self._lock = threading.Lock()
        self._telling = False
        self._since: float | None = None
        self._failed_at = 0.0
        self._healed_at: float | None = None
        self._codes: set[str] = set()

    def tell(self) -> None:
        """Emit events from now on, for many runs will meet the same trouble."""
        self._telling = True

    def failed(self, error: WorkerError) -> None:
        """Take in a failure."""
        code = code_of(error)
        with self._lock:
            self._failed_at, self._healed_at = self._clock(), None
            self._since = self._failed_at if self._since is None else self._since
            news = self._telling and code not in self._codes
            self._codes |= {code} if self._telling else set()
        if news and code == "disk_full":
            log.error("database.unreachable", error_code=code, detail=str(error), hint=error.hint)
        elif news:
            log.warning("database.unreachable", error_code=code, detail=str(error), hint=error.hint)

    @property
    def are_open(self) -> bool:
        """Whether something failed, and no write since has shown that it is over."""
        return self._since is not None

    def wrote(self) -> None:
        """Take in a transaction that was committed."""
        if self._since is not None:
            self._heal()

    def _heal(self) -> None:
        with self._lock:
            if self._since is None:
                return
            now = self._clock()
            self._healed_at = now if self._healed_at is None else self._healed_at
            quiet = max((QUIET_SECONDS[code] for code in self._codes), default=0.0)
            if now - self._failed_at < quiet:
                return
            lasted, told = self._healed_at - self._since, bool(self._codes)
            self._since = None
            self._codes.clear()
        if told:
            log.info("database.reachable", duration_ms=round(lasted * 1000))


def code_of(error: WorkerError) -> str:
    """Return the stable word for a failure."""
    return next((code for kind, code in CODES if isinstance(error, kind)), "unreachable")
