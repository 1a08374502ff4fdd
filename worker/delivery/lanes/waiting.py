"""Threads that wait for something to do: one of them by the time, the others for what is said to them."""

import threading
import time

LONGEST_SECONDS, SHORTEST_SECONDS = 0.25, 0.001


class Waiting:
    """Waits under one lock, which its caller holds.

    Only one of many wakes up when a time has come.  Otherwise each place in a pace would wake up all.
    """

    def __init__(self, lock: threading.Lock) -> None:
        """Wait under *lock*."""
        self._others, self._keeper = threading.Condition(lock), threading.Condition(lock)
        self._others_waiting = 0
        self._is_kept = False
        self._kept_until = 0.0

    def wait(self, seconds: float) -> None:
        """Wait until something was said, or the time may have come; it may end early."""
        if self._is_kept:
            if time.monotonic() + seconds < self._kept_until - SHORTEST_SECONDS:
                self._keeper.notify()  # a time has come to be known that comes before its own
            self._others_waiting += 1
            try:
                self._others.wait()
            finally:
                self._others_waiting -= 1
            return
        seconds = max(SHORTEST_SECONDS, min(seconds, LONGEST_SECONDS))
        self._is_kept, self._kept_until = True, time.monotonic() + seconds
        try:
            self._keeper.wait(seconds)
        finally:
            self._is_kept = False
            self._others.notify()  # who keeps the time next

    def wake(self) -> None:
        """Let one look whether there is something to do."""
        if self._others_waiting:
            self._others.notify()
        else:
            self._keeper.notify()

    def wake_all(self) -> None:
        """Let all look."""
        self._others.notify_all()
        self._keeper.notify()
