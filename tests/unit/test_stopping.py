"""Waits that a stop ends, and the signals that mean one."""

import signal
import threading

import pytest

from worker.stopping import Wait, end_signals


class Clock:
    """A clock that a lock moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


class Taken:
    """A lock that another thread has; waiting for it takes no time but the clock's."""

    def __init__(self, clock: Clock, *, free_at: float = 1e9, stop_at: float = 1e9) -> None:
        self._clock = clock
        self._free_at = free_at
        self._stop_at = stop_at
        self.stop = threading.Event()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait, for a while at most."""
        assert blocking
        assert 0 <= timeout <= 0.1
        self._clock.now += timeout
        if self._clock.now >= self._stop_at:
            self.stop.set()
        return self._clock.now >= self._free_at


@pytest.mark.parametrize(
    ("free_at", "stop_at", "stopping", "got", "waited"),
    [
        (100.0, 1e9, 0.0, True, 0.1),
        (107.0, 1e9, 0.0, True, 7.0),
        (1e9, 1e9, 0.0, False, 10.0),
        (1e9, 103.0, 0.0, False, 3.0),
        (1e9, 103.0, 0.5, False, 3.0),
        (1e9, 100.2, 0.5, False, 0.5),
        (100.4, 100.2, 0.5, True, 0.4),
        (1e9, 0.0, 99.0, False, 10.0),
    ],
)
def test_a_lock_is_waited_for_until_its_time_is_over_or_the_process_is_to_end(
    free_at: float, stop_at: float, stopping: float, *, got: bool, waited: float
) -> None:
    """A stop leaves what is given to the end of a process, counted from when the wait began."""
    clock = Clock()
    lock = Taken(clock, free_at=free_at, stop_at=stop_at)

    assert Wait(lock.stop, 10.0, stopping=stopping, clock=clock).acquire(lock) is got
    assert clock.now - 100.0 == pytest.approx(waited, abs=0.11)


def test_a_free_lock_is_taken_even_without_time() -> None:
    """Nobody has to wait for it."""
    stop = threading.Event()
    stop.set()

    assert Wait(stop, 0.0).acquire(threading.Lock())


def test_a_process_ends_in_order_when_its_terminal_is_gone() -> None:
    """But not where anyone who started it had it ignored, as nohup does."""
    heeded = end_signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        by_nohup = end_signals()
    finally:
        signal.signal(signal.SIGHUP, before)

    assert heeded == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    assert by_nohup == {signal.SIGTERM, signal.SIGINT}
