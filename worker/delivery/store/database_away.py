"""For how long a verdict is offered to a database that does not take it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, retry_if_exception

from worker.backoff import BackOff, by_attempt
from worker.clock import boot_clock
from worker.database.failures import AWAY, DATABASE_ERRORS
from worker.errors import DatabaseDamaged, DatabaseReplaced

MANUAL_SECONDS = 60.0  # somebody waits for the command to end
ODD_SECONDS = 60.0  # of a failure that may be our own: it is not to keep a sender for ever
LAST_SECONDS = 4.0  # a process that is to end must be able to print the verdict before it is ended
PAUSES = BackOff(0.1, 2.0)  # between two offers of one verdict


@dataclass(slots=True)
class Patience:
    """One verdict's: so many seconds, and a few more when the process is to end."""

    stop: threading.Event
    seconds: float
    clock: Callable[[], float] = boot_clock
    _began: float = field(init=False)
    _odd_since: float | None = None
    _stopped: float | None = None

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self.clock()

    def policy(self) -> Retrying:
        """Return what calls again and again while the database takes nothing, for whatever reason."""
        return Retrying(
            retry=retry_if_exception(may_pass),
            wait=by_attempt(PAUSES.grown),
            stop=self.is_over,
            sleep=self.pause,
            reraise=True,
        )

    def is_over(self, state: RetryCallState) -> bool:
        """Return whether it has been offered for long enough."""
        return self.is_spent(None if state.outcome is None else state.outcome.exception())

    def is_spent(self, error: BaseException | None) -> bool:
        """Return whether what failed so has been offered for long enough."""
        now = self.clock()
        if self.stop.is_set() and self._stopped is None:
            self._stopped = now
        if self._stopped is not None:
            return now - self._stopped > LAST_SECONDS
        return now - self._began > self.seconds or self._is_odd_for_long(error, now)

    def _is_odd_for_long(self, error: BaseException | None, now: float) -> bool:
        """Return whether the database is there, and refuses this one for long."""
        if error is None or isinstance(error, AWAY):
            self._odd_since = None
            return False
        self._odd_since = now if self._odd_since is None else self._odd_since
        return now - self._odd_since > ODD_SECONDS

    def pause(self, seconds: float) -> None:
        """Wait; a stop ends the wait, but not each of the last ones."""
        if self._stopped is None:
            self.stop.wait(seconds)
        else:
            threading.Event().wait(min(seconds, LAST_SECONDS + self._stopped - self.clock()))


def may_pass(error: BaseException) -> bool:
    """Return whether the same may be taken later."""
    # Into another file than the one that it was claimed in nothing may be written; nor into a damaged one.
    return isinstance(error, DATABASE_ERRORS) and not isinstance(error, DatabaseReplaced | DatabaseDamaged)
