"""What a process knows of callers' changes: how often some were noticed, and whom that wakes."""

import threading
from collections.abc import Callable
from contextlib import closing

import structlog
import tenacity

from worker.arrivals.listening import Listener
from worker.arrivals.looking import Looker
from worker.arrivals.source import Line, Source
from worker.backoff import BackOff, by_attempt
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS
from worker.database.troubles import code_of
from worker.errors import DatabaseUnfit

LEAST_SECONDS = 0.2  # between two arrivals: what comes closer is one
PAUSE_SECONDS = 1.0  # after a line was lost
PAUSES = BackOff(PAUSE_SECONDS, 30.0)  # while there is no other

log = structlog.get_logger()


class Arrivals:
    """Notices that callers have written; what it misses, polling finds."""

    def __init__(self, database: Database, *, notify: bool, stop: threading.Event) -> None:
        """Notice nothing yet; *notify*: whether PostgreSQL's triggers may send NOTIFY."""
        self._source: Source = (
            Looker(database, stop) if database.is_sqlite else Listener(database, notify=notify)
        )
        self._lost: tuple[type[Exception], ...] = (
            *DATABASE_ERRORS, database.engine.dialect.loaded_dbapi.Error, OSError,
        )  # fmt: skip
        self._stop = stop
        self._count = 0
        self._is_told = False
        self._wake: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    @property
    def count(self) -> int:
        """How often something arrived; it only grows, and anyone who saw it grow looks for what is due."""
        return self._count

    def start(self, wake: Callable[[], None]) -> None:
        """Notice from now on, in a thread of its own, which calls *wake* a few times a second at most."""
        self._wake = wake
        self._thread = threading.Thread(target=self._notice, name="arrivals", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Return once nothing is noticed any more; the process's stop is set by then."""
        if self._thread is not None:
            self._thread.join()

    def _notice(self) -> None:
        """Notice until the process ends, or as long as there is something to be noticed."""
        while (line := self._opened()) is not None:
            with closing(line):
                self._look(line)
            self._stop.wait(PAUSE_SECONDS)

    def _opened(self) -> Line | None:
        """Return a line as soon as there is one; None if there is none, or the process is to end."""
        patiently = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(self._lost),
            wait=by_attempt(PAUSES.jittered),
            before_sleep=self._tell,
            sleep=self._pause,
            stop=tenacity.stop_when_event_set(self._stop),
            retry_error_callback=lambda _: None,
        )
        return None if self._stop.is_set() else patiently(self._source.open)

    def _tell(self, failed: tenacity.RetryCallState) -> None:
        """Say once what a person has to repair: the runs need not meet it, and go on."""
        error = failed.outcome.exception() if failed.outcome is not None else None
        if isinstance(error, DatabaseUnfit) and not self._is_told:
            self._is_told = True
            log.error("arrivals.polled", error_code=code_of(error), detail=str(error), hint=error.hint)

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _look(self, line: Line) -> None:
        """Look until the process ends, or the line is lost."""
        try:
            while not self._stop.is_set():
                if line.look():
                    self._arrived()
        except self._lost:
            return  # told by those who need the database; polling goes on, and so does the next line

    def _arrived(self) -> None:
        self._count += 1  # by one thread only
        if self._wake is not None:
            self._wake()
        self._stop.wait(LEAST_SECONDS)
