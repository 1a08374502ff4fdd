"""Connections, each lent to one thread at a time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import pytest

from worker.envoy.http.lending import AllLentError, Lender

Item = TypeVar("Item")


@contextmanager
def lent(lender: Lender[Item], *, wait_seconds: float) -> Iterator[Item]:
    """Have an item for the length of the block."""
    item = lender.take(wait_seconds)
    try:
        yield item
    finally:
        lender.give_back(item)


def test_the_item_last_used_is_lent_first() -> None:
    """A warm connection is better than a cold one."""
    lender = Lender(iter("abc").__next__, 3)

    with lent(lender, wait_seconds=0) as first:
        pass
    with lent(lender, wait_seconds=0) as second:
        pass

    assert first == second


def test_nothing_is_lent_twice() -> None:
    """The borrower that comes too late is told so."""
    lender = Lender(iter("a").__next__, 1)

    with lent(lender, wait_seconds=0), pytest.raises(AllLentError), lent(lender, wait_seconds=0.01):
        pass


def test_an_item_comes_back_after_an_error() -> None:
    """A failed request does not cost a connection."""
    lender = Lender(iter("a").__next__, 1)
    with pytest.raises(LookupError), lent(lender, wait_seconds=0):
        raise LookupError

    with lent(lender, wait_seconds=0) as item:
        assert item == "a"


def test_no_two_threads_hold_the_same_item() -> None:
    """However many ask at once."""
    locks = Lender(Lock, 3)

    def borrow(_: int) -> bool:
        with lent(locks, wait_seconds=5) as lock:
            free = lock.acquire(blocking=False)
            if free:
                lock.release()
            return free

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(borrow, range(500)))
    assert len(locks.items) <= 3


def test_what_is_not_needed_is_not_made() -> None:
    """One thread that asks again and again needs one."""
    lender = Lender(Lock, 256)

    for _ in range(3):
        with lent(lender, wait_seconds=0):
            pass

    assert len(lender.items) == 1


def test_each_that_waits_gets_what_is_given_back() -> None:
    """As many as wait, each within its time, however often they meet."""
    lender = Lender(Lock, 1)

    def hold(_: int) -> bool:
        with lent(lender, wait_seconds=30), threading.Lock():
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hold, range(2000))) == 2000


def test_what_cannot_be_made_costs_no_room() -> None:
    """The next that asks makes it."""
    failures = [LookupError()]

    def make() -> str:
        if failures:
            raise failures.pop()
        return "a"

    lender = Lender(make, 1)
    with pytest.raises(LookupError):
        lender.take(0)

    assert lender.take(0) == "a"
