"""Which part of the due rows is a process's own, and when it looks who else is at work."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.delivery.lanes.sharing import ALL, EVERY_SECONDS, LEAST_REFUSED, Part, Sharing

ROWS = 1_000


class Process:
    """A process named b, under a clock that a test moves, beside others that a test names."""

    def __init__(self, *others: str) -> None:
        """Begin; nothing was refused."""
        self.time = 100.0
        self.others = others
        self.looks = 0
        self.sharing = Sharing(lambda: self.others, lambda: self.time, "b")

    def refuse(self, number: int = LEAST_REFUSED) -> None:
        """Let so many claims be refused, and the process look if it is time."""
        for _ in range(number):
            self.sharing.refused()
        self.go_on(0)

    def go_on(self, seconds: float) -> None:
        """Let so much time pass, and the process look if it is time."""
        self.time += seconds
        if self.sharing.begin():
            self.looks += 1
            self.sharing.end(self.sharing.find())


@given(row_id=st.integers(1, 2**63 - 1), number=st.integers(1, 50))
def test_every_row_belongs_to_exactly_one_part(row_id: int, number: int) -> None:
    """Whatever its number, and however many processes there are."""
    assert sum(Part(index, number).has(row_id) for index in range(number)) == 1


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7, 20, 100, 1024, 9_999])
@pytest.mark.parametrize("number", [2, 3, 4, 8])
def test_the_parts_are_of_equal_size_however_far_apart_a_customers_rows_are(step: int, number: int) -> None:
    """Where customers' rows are written in turn, each of them has rows in all parts, and so has each page."""
    page = 25 * number
    for first in (1, 7_000_000_000):
        owners = [
            next(index for index in range(number) if Part(index, number).has(first + step * row))
            for row in range(ROWS)
        ]
        assert max(Counter(owners).values()) < 1.1 * ROWS / number
        assert len(set(owners[:page])) == number


def test_nobody_is_looked_for_until_claims_were_refused() -> None:
    """Some, since one may be a caller's doing; and then it takes its part."""
    process = Process("a")

    process.go_on(1_000)
    process.refuse(LEAST_REFUSED - 1)
    assert (process.looks, process.sharing.part) == (0, ALL)
    process.refuse(1)

    assert (process.looks, process.sharing.part) == (1, Part(1, 2))


def test_a_process_beside_others_looks_again_every_two_seconds_and_one_that_is_alone_does_not() -> None:
    """However many claims are refused in between; anyone who has gone leaves his part to the others."""
    process = Process("a", "c")
    process.refuse()
    process.refuse()
    assert (process.looks, process.sharing.part) == (1, Part(1, 3))

    process.others = ("c",)
    process.go_on(EVERY_SECONDS)
    assert (process.looks, process.sharing.part) == (2, Part(0, 2))
    process.others = ()
    process.go_on(EVERY_SECONDS)
    assert (process.looks, process.sharing.part) == (3, ALL)
    process.go_on(1_000)

    assert process.looks == 3


def test_one_thread_at_a_time_looks() -> None:
    """The others go on with what they have."""
    process = Process("a")
    for _ in range(LEAST_REFUSED):
        process.sharing.refused()

    assert process.sharing.begin()
    process.time += 2 * EVERY_SECONDS
    for _ in range(LEAST_REFUSED):
        process.sharing.refused()

    assert not process.sharing.begin()
