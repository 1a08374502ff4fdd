"""Total deadlines: whatever waits for a request waits no longer than what is left of its time.

A bound for each operation alone would let a server that sends one byte a second hold a request for
ever.  Only the resolver takes its own time; a request that comes out of it too late is not sent.
"""

from collections.abc import Callable

from worker.clock import boot_clock


class DeadlinePassed(TimeoutError):
    """Nothing is left of the request's time."""


class Deadline:
    """The end of one request's time, on the boot clock."""

    __slots__ = ("_clock", "_end")

    def __init__(self, seconds: float, *, clock: Callable[[], float] = boot_clock) -> None:
        """Start the clock."""
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds left, always above 0; DeadlinePassed when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise DeadlinePassed("the deadline has passed")
        return left
