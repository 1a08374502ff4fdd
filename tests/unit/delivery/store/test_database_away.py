"""For how long a verdict is offered to a database that does not take it."""

import math
import threading
import time

import pytest
import sqlalchemy as sa
from tenacity import RetryCallState, Retrying

from worker.delivery.store.database_away import LAST_SECONDS, MANUAL_SECONDS, ODD_SECONDS, Patience
from worker.errors import DatabaseReplaced, DatabaseUnreachable

STATE = RetryCallState(Retrying(), None, (), {})


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.time = 100.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.time


def test_a_pass_by_hand_offers_it_for_a_minute() -> None:
    """Somebody waits for the command to end."""
    clock = Clock()
    patience = Patience(threading.Event(), MANUAL_SECONDS, clock)
    clock.time += 59
    assert not patience.is_over(STATE)
    clock.time += 2
    assert patience.is_over(STATE)


def test_the_service_offers_it_until_it_is_stopped_and_then_a_little_longer() -> None:
    """However long it was offered before, the last seconds are given."""
    clock, stop = Clock(), threading.Event()
    patience = Patience(stop, math.inf, clock)
    clock.time += 86_400
    assert not patience.is_over(STATE)

    stop.set()
    assert not patience.is_over(STATE)
    clock.time += LAST_SECONDS - 1
    assert not patience.is_over(STATE)
    clock.time += 2
    assert patience.is_over(STATE)


def after(error: Exception) -> RetryCallState:
    """Return the state after a store that failed so."""
    state = RetryCallState(Retrying(), None, (), {})
    with pytest.raises(type(error)) as caught:
        raise error
    state.set_exception((caught.type, caught.value, caught.tb))
    return state


def test_what_may_be_our_own_fault_keeps_no_sender_for_ever() -> None:
    """The service waits for a database that is away as long as it takes, for one that refuses a minute."""
    clock = Clock()
    patience = Patience(threading.Event(), math.inf, clock)
    away, odd = after(DatabaseUnreachable("away")), after(sa.exc.DataError("", None, Exception()))
    assert not patience.is_over(away)
    clock.time += 86_400
    assert not patience.is_over(odd)
    clock.time += ODD_SECONDS - 1
    assert not patience.is_over(odd)
    assert not patience.is_over(away), "this one began again"
    assert not patience.is_over(odd)
    clock.time += ODD_SECONDS + 1
    assert patience.is_over(odd)


def test_into_a_file_that_was_replaced_nothing_is_offered() -> None:
    """What holds the row is another database by now."""
    offers: list[int] = []

    def store() -> None:
        offers.append(1)
        raise DatabaseReplaced("another file")

    with pytest.raises(DatabaseReplaced):
        Patience(threading.Event(), math.inf).policy()(store)

    assert len(offers) == 1


def test_a_stop_ends_the_wait_and_the_next_waits_are_real() -> None:
    """The verdict is offered at once, long before the pause is over, and then not in a busy loop."""
    stop = threading.Event()
    patience = Patience(stop, math.inf)
    stop.set()
    began = time.monotonic()
    patience.pause(60)
    assert time.monotonic() - began < 30

    patience.is_over(STATE)
    began = time.monotonic()
    patience.pause(0.05)
    assert time.monotonic() - began >= 0.05
