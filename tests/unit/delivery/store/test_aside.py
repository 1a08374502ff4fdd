"""What waits beside the journal: when it is offered again, with whom, and what is counted."""

import pytest

from worker.delivery.store.aside import Aside
from worker.delivery.store.entries import Waited
from worker.delivery.store.small_write import SMALL_WRITES


class Verdict(Waited):
    """An entry that counts as a verdict."""

    is_verdict = True


class Clock:
    """A clock that a test moves."""

    time = 100.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def aside(clock: Clock) -> Aside:
    """Give a place where nothing waits."""
    return Aside(clock)


def verdicts(number: int) -> list[Verdict]:
    """Return so many verdicts."""
    return [Verdict(SMALL_WRITES) for _ in range(number)]


def test_each_is_due_in_its_own_time(aside: Aside, clock: Clock) -> None:
    """The earliest first, and none before; what is offered does not count as waiting."""
    soon, late = verdicts(2)
    aside.put(late, 2.0)
    aside.put(soon, 0.5)

    assert (aside.due(9), aside.seconds(), aside.verdicts) == ([], 0.5, 2)
    clock.time += 1
    assert (aside.due(9), aside.verdicts) == ([soon], 1)
    clock.time += 1
    assert (aside.due(9), aside.seconds(), aside.verdicts) == ([late], None, 0)


def test_what_is_bad_company_is_offered_alone(aside: Aside) -> None:
    """Neither before it nor after it does anything come along."""
    first, bad, last = verdicts(3)
    bad.alone = True
    for one in (first, bad, last):
        aside.put(one, 0.0)

    assert [aside.due(9) for _ in range(4)] == [[first], [bad], [last], []]


def test_no_more_are_due_than_are_asked_for(aside: Aside) -> None:
    """The rest is due next time, in order."""
    waiting = verdicts(3)
    for one in waiting:
        aside.put(one, 0.0)

    assert [aside.due(2), aside.due(2)] == [waiting[:2], waiting[2:]]


def test_hurrying_makes_all_due_in_the_order_in_which_they_came(aside: Aside) -> None:
    """The database takes something again, or the process is to end."""
    first, second = verdicts(2)
    aside.put(first, 20.0)
    aside.put(second, 10.0)
    aside.hurry()

    assert aside.due(9) == [first, second]


def test_claims_that_wait_are_not_due_by_themselves(aside: Aside) -> None:
    """They wait for fewer verdicts to wait, and not for a time."""
    claim = Waited(SMALL_WRITES)
    aside.block(claim)

    assert (aside.due(9), aside.seconds()) == ([], float("inf"))
    assert (aside.unblocked(), aside.seconds()) == ([claim], None)


def test_two_of_one_row_are_not_offered_together(aside: Aside) -> None:
    """One statement would take both for settled; those of no row are no two of one."""
    first, second = (Verdict(SMALL_WRITES, 7) for _ in range(2))
    free = verdicts(2)
    for entry in (*free, first, second):
        aside.put(entry, 0.0)

    assert aside.due(9) == [*free, first]
    assert (aside.due(9), aside.verdicts) == ([second], 0)
