"""When a run looks for connections that have become due: now and then, and soon when there is a reason to.

That is where callers have written, or a connection is through: one look for all of these costs less than
another page of each.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from worker.delivery.due import DueConnection

EVERY_SECONDS = 5.0
LEAST_SECONDS = 0.1  # between two looks, however often somebody writes
REST_SHARE = 20  # times as long as a look took it rests, where only connections are through


@dataclass(slots=True)
class Discovery:
    """Finds usable connections with due rows; *news* is a number that grows when callers have written."""

    find: Callable[[], Sequence[DueConnection]]
    clock: Callable[[], float]
    news: Callable[[], int] = lambda: 0
    under_way: bool = False
    had_news: bool = False  # the look that is under way
    known: Sequence[DueConnection] | None = None  # found a moment ago: the first look is made already
    seen: int = 0  # the news by then
    is_wanted: bool = False  # before the run may end
    _last: float = field(default=float("-inf"))
    _rests_until: float = field(default=float("-inf"))

    def begin(self) -> bool:
        """Say to one thread at a time that it is time to look."""
        if self.under_way or not self.is_due():
            return False
        # Read before the look: what is written during it is looked for once more.
        news = self.news() if self.known is None else self.seen
        self.had_news = news != self.seen
        self.seen, self._last, self.under_way, self.is_wanted = news, self.clock(), True, False
        return True

    def look(self) -> Sequence[DueConnection]:
        """Return what is due and usable now."""
        known, self.known = self.known, None
        return self.find() if known is None else known

    def is_due(self) -> bool:
        """Return whether the last look was too long ago, or there is news."""
        now = self.clock()
        since = now - self._last
        if since >= EVERY_SECONDS or (self.is_wanted and now >= self._rests_until):
            return True
        return since >= LEAST_SECONDS and self.news() != self.seen

    def seconds_to_wait(self) -> float:
        """Return how long it takes until a look is due that is wanted, if one is."""
        return max(0.0, self._rests_until - self.clock()) if self.is_wanted else math.inf

    def end(self) -> None:
        """Let the next look begin when it is due."""
        now = self.clock()
        self._rests_until = now + REST_SHARE * (now - self._last)
        self.under_way = False
