"""Connections, each lent to one thread at a time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from worker.envoy.lending import AllLentError, Lender


def test_the_item_last_used_is_lent_first() -> None:
    """A warm connection is better than a cold one."""
    lender = Lender("abc")

    with lender.lend(wait_seconds=0) as first:
        pass
    with lender.lend(wait_seconds=0) as second:
        pass

    assert first == second


def test_nothing_is_lent_twice() -> None:
    """The borrower that comes too late is told so."""
    lender = Lender("a")

    with lender.lend(wait_seconds=0), pytest.raises(AllLentError), lender.lend(wait_seconds=0.01):
        pass


def test_an_item_comes_back_after_an_error() -> None:
    """A failed request does not cost a connection."""
    lender = Lender("a")
    with pytest.raises(LookupError), lender.lend(wait_seconds=0):
        raise LookupError

    with lender.lend(wait_seconds=0) as item:
        assert item == "a"


def test_no_two_threads_hold_the_same_item() -> None:
    """However many ask at once."""
    locks = Lender([Lock(), Lock(), Lock()])

    def borrow(_: int) -> bool:
        with locks.lend(wait_seconds=5) as lock:
            free = lock.acquire(blocking=False)
            if free:
                lock.release()
            return free

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(borrow, range(500)))
