"""When a run looks for connections that have become due: now and then, and at once when callers write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from worker.delivery.rows import DueConnection

EVERY_SECONDS = 5.0
LEAST_SECONDS = 0.1  # between two looks, however often somebody writes


@dataclass(slots=True)
class Discovery:
    """Finds usable connections with due rows; *news* is a number that grows when callers have written."""

    find: Callable[[], Sequence[DueConnection]]
    clock: Callable[[], float]
    news: Callable[[], int] = lambda: 0
    under_way: bool = False
    had_news: bool = False  # the look that is under way
    _seen: int = 0
    _last: float = field(default=float("-inf"))

    def begin(self) -> bool:
        """Say to one thread at a time that it is time to look."""
        if self.under_way or not self.is_due():
            return False
        # Read before the look: what is written during it is looked for once more.
        news = self.news()
        self.had_news = news != self._seen
        self._seen, self._last, self.under_way = news, self.clock(), True
        return True

    def is_due(self) -> bool:
        """Say whether the last look was too long ago, or there is news."""
        since = self.clock() - self._last
        return since >= EVERY_SECONDS or (since >= LEAST_SECONDS and self.news() != self._seen)

    def end(self) -> None:
        """Let the next look begin when it is due."""
        self.under_way = False
