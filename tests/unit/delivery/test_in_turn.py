"""What may wait long for a customer's answer is done by few threads, of each customer one thing at a time."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from worker.delivery.consequences.in_turn import InTurn

PATIENCE_SECONDS = 30


@pytest.fixture
def in_turn() -> Iterator[InTurn]:
    """Give two threads."""
    threads = InTurn(2, "tests")
    yield threads
    threads.shutdown()


def test_a_connection_that_hangs_has_one_thread_and_the_others_are_served(in_turn: InTurn) -> None:
    """However much there is to do for it; what was given for it later comes later, in its order."""
    begun, go_on, others = threading.Event(), threading.Event(), threading.Event()
    done: list[str] = []

    def hang() -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)
        done.append("first")

    in_turn.submit(1, hang)
    for name in ("second", "third"):
        in_turn.submit(1, partial(done.append, name))
    in_turn.submit(2, lambda: done.append("other"))
    in_turn.submit(3, others.set)

    assert begun.wait(PATIENCE_SECONDS)
    assert others.wait(PATIENCE_SECONDS)
    assert done == ["other"]
    go_on.set()
    in_turn.shutdown()
    assert done == ["other", "first", "second", "third"]


def test_what_fails_ends_nothing_but_itself(in_turn: InTurn) -> None:
    """What comes after it is done, of the same connection and of others."""
    done: list[int] = []

    def fail() -> None:
        raise ValueError

    in_turn.submit(1, fail)
    in_turn.submit(1, lambda: done.append(1))
    in_turn.submit(2, lambda: done.append(2))
    in_turn.shutdown()

    assert sorted(done) == [1, 2]


def test_the_end_waits_for_what_was_given_by_what_is_done(in_turn: InTurn) -> None:
    """Also where it was given when the end had been asked for."""
    go_on, done = threading.Event(), threading.Event()

    def give_more() -> None:
        go_on.wait(PATIENCE_SECONDS)
        in_turn.submit(2, done.set)

    in_turn.submit(1, give_more)
    ending = threading.Thread(target=in_turn.shutdown)
    ending.start()
    go_on.set()
    ending.join(PATIENCE_SECONDS)

    assert done.is_set()
