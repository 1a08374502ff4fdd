"""What tells a process to end, and waits that end early for it."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol

SLICE_SECONDS = 0.1  # how soon a stop is heeded where the wait itself cannot be woken up


def end_signals() -> set[signal.Signals]:
    """Return the signals that end a process in order: SIGTERM, SIGINT, and a terminal that is gone.

    Anyone who started it by ``nohup`` wants it to outlive the terminal.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return {signal.SIGTERM, signal.SIGINT} | (set() if ignored else {signal.SIGHUP})


class Lock(Protocol):
    """A lock of the standard library."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, and say whether that was possible in time."""


class Wait:
    """One wait, begun now: for *seconds*, and for *stopping* at most once the process is to end."""

    def __init__(
        self,
        stop: threading.Event,
        seconds: float,
        *,
        stopping: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin."""
        self._stop = stop
        self._seconds = seconds
        self._stopping = min(stopping, seconds)
        self._clock = clock
        self._began = clock()

    def left(self) -> float:
        """Return how many seconds are left, 0 where it is over."""
        most = self._stopping if self._stop.is_set() else self._seconds
        return max(0.0, self._began + most - self._clock())

    def acquire(self, lock: Lock) -> bool:
        """Take a lock within this wait; return whether that was possible."""
        while not lock.acquire(timeout=min(self.left(), SLICE_SECONDS)):
            if not self.left():
                return False
        return True
