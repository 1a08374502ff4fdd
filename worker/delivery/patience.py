"""For how long a verdict is offered to a database that does not take it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from worker.envoy.clock import boot_clock
from worker.errors import DatabaseUnreachable, DiskFull

MANUAL_SECONDS = 60.0  # somebody waits for the command to end
LAST_SECONDS = 4.0  # a process that is to end must be able to print the verdict before it is ended
LONGEST_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class Patience:
    """One verdict's: so many seconds, and a few more when the process is to end."""

    stop: threading.Event
    seconds: float
    clock: Callable[[], float] = boot_clock
    _began: float = field(init=False)
    _stopped: float | None = None

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self.clock()

    def policy(self) -> Retrying:
        """Return what calls again and again while the database is away; other errors go up at once."""
        return Retrying(
            retry=retry_if_exception_type((DatabaseUnreachable, DiskFull)),
            wait=wait_exponential(multiplier=0.1, max=LONGEST_PAUSE_SECONDS),
            stop=self.is_over,
            sleep=self.pause,
            reraise=True,
        )

    def is_over(self, _state: RetryCallState) -> bool:
        """Say whether it has been offered for long enough."""
        now = self.clock()
        if self.stop.is_set() and self._stopped is None:
            self._stopped = now
        if self._stopped is not None:
            return now - self._stopped > LAST_SECONDS
        return now - self._began > self.seconds

    def pause(self, seconds: float) -> None:
        """Wait; a stop ends the wait, but not each of the last ones."""
        if self._stopped is None:
            self.stop.wait(seconds)
        else:
            threading.Event().wait(min(seconds, LAST_SECONDS + self._stopped - self.clock()))
