"""One thread at a time per connection, without a lock for every connection there ever was."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker.connections.tokens.single_flight import Flights


def test_two_threads_are_never_inside_together() -> None:
    """Twenty threads on one connection enter one after the other."""
    flights, inside, together = Flights(threading.Event()), threading.Semaphore(1), []

    def fly(_: int) -> None:
        with flights.enter(1, seconds=10) as alone:
            together.append(not (alone and inside.acquire(blocking=False)))
            inside.release()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(fly, range(20)))

    assert together == [False] * 20


def test_whoever_does_not_wait_is_told_at_once() -> None:
    """With no time to wait, an occupied connection is answered with no; another one with yes."""
    flights = Flights(threading.Event())
    with (
        flights.enter(1, seconds=0) as first,
        flights.enter(1, seconds=0) as second,
        flights.enter(2, seconds=0) as other,
    ):
        assert (first, second, other) == (True, False, True)


def test_ten_thousand_connections_leave_nothing_behind() -> None:
    """A lock lives only as long as somebody holds it."""
    flights = Flights(threading.Event())
    for connection_id in range(10_000):
        with flights.enter(connection_id, seconds=0):
            pass
    gc.collect()

    assert len(flights) <= 1


def test_an_error_inside_frees_the_connection() -> None:
    """The next one gets in."""
    flights = Flights(threading.Event())
    with pytest.raises(RuntimeError), flights.enter(1, seconds=0):
        raise RuntimeError

    with flights.enter(1, seconds=0) as alone:
        assert alone


def test_a_stop_ends_the_wait_for_another_thread() -> None:
    """Its refresh may take long; anyone who is to end does not wait for it."""
    stop = threading.Event()
    flights = Flights(stop)
    with flights.enter(1, seconds=0), ThreadPoolExecutor(1) as pool:

        def wait() -> bool:
            with flights.enter(1, seconds=3600) as alone:
                return alone

        waiting = pool.submit(wait)
        stop.set()

        assert waiting.result(timeout=60) is False
