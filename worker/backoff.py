"""Back-off: how long one waits before the next try, growing with each that failed, and jittered.

Jitter spreads load and keeps processes out of step; it guards no secret, so that any random number will do.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # by those who wait in their own thread only
    from tenacity import RetryCallState

MOST_DOUBLINGS = 32  # beyond any bound, and far from what a float cannot hold


@dataclass(frozen=True, slots=True)
class BackOff:
    """A wait that doubles with each failure in a row, in seconds: from the least to the most."""

    least: float
    most: float

    def grown(self, count: int) -> float:
        """Return the wait after *count* others in a row, without jitter."""
        return float(min(self.most, self.least * 2 ** min(count, MOST_DOUBLINGS)))

    def jittered(self, count: int) -> float:
        """Return the same with full jitter, but never less than the least."""
        return max(self.least, self.anything_up_to(count))

    def anything_up_to(self, count: int) -> float:
        """Return the same with full jitter, which may be next to nothing."""
        return spread(0, self.grown(count))


def spread(least: float, most: float) -> float:
    """Return any number between the two, so that those who began together do not go on together."""
    return random.uniform(least, most)  # noqa: S311 -- see above


def by_attempt(wait: Callable[[int], float]) -> Callable[["RetryCallState"], float]:
    """Return how long tenacity waits; *wait* is given how many attempts failed before the last one."""
    return lambda state: wait(state.attempt_number - 1)
