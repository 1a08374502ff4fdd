"""The threads that store nothing are counted in the better of two ways, one of which can fail at any time."""

from collections.abc import Iterator

import pytest

from bench.bare import Bare, Best

SLOW, FAST = 2.0, 1.0  # seconds


class Passes:
    """Passes of both ways; with one client for all, each takes the next of *shared*, or fails."""

    def __init__(self, shared: list[float | None]) -> None:
        self._shared: Iterator[float | None] = iter(shared)

    def __call__(self, shared: bool) -> Bare:
        """Do one pass."""
        seconds = next(self._shared) if shared else 1.5
        if seconds is None:
            raise SystemExit("bare ended with exit code 1")
        return Bare(requests=10, seconds=seconds, cpu_seconds=1.0, shared=shared)


@pytest.mark.parametrize(
    ("shared", "counted"),
    [
        ([FAST, FAST], [True, True]),
        ([SLOW], [False, False]),
        ([None], [False, False]),
        ([FAST, None], [False, False]),  # the way that was better at first fails later
    ],
)
def test_the_better_way_counts_as_long_as_it_works(shared: list[float | None], counted: list[bool]) -> None:
    """One client for all is left where it is slower, and where it fails, in the first pass or a later one."""
    best = Best(Passes(shared))
    best.again()
    assert [one.shared for one in best.counted] == counted
