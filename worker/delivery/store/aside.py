"""What waits beside the journal: to be offered again, or for fewer to wait."""

import heapq
import time
from collections.abc import Callable
from itertools import count

from worker.delivery.store.entries import Entry


class Aside:
    """Entries that wait without a transaction; the journal's thread alone uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing."""
        self._clock = clock
        self._again: list[tuple[float, int, Entry]] = []
        self._order = count()
        self._blocked: list[Entry] = []
        self.verdicts = 0

    def put(self, entry: Entry, seconds: float) -> None:
        """Keep an entry that is to be offered again after so many seconds."""
        self.verdicts += entry.is_verdict
        heapq.heappush(self._again, (self._clock() + seconds, next(self._order), entry))

    def block(self, entry: Entry) -> None:
        """Keep a claim until fewer verdicts wait."""
        self._blocked.append(entry)

    def due(self, most: int) -> list[Entry]:
        """Return what is to be offered now, of different rows; what failed in company is offered alone."""
        now, found, rows = self._clock(), list[Entry](), set[int | None]()
        while self._again and self._again[0][0] <= now and len(found) < most:
            entry = self._again[0][2]
            if found and (entry.alone or entry.delivery_id in rows - {None}):
                break
            heapq.heappop(self._again)
            self.verdicts -= entry.is_verdict
            found.append(entry)
            rows.add(entry.delivery_id)
            if entry.alone:
                break
        return found

    def unblocked(self) -> list[Entry]:
        """Return the claims that were kept."""
        blocked, self._blocked = self._blocked, []
        return blocked

    def hurry(self) -> None:
        """Let all be due at once: the database takes something again, or the process is to end."""
        now = self._clock()
        self._again = [(now, number, entry) for _, number, entry in self._again]
        heapq.heapify(self._again)

    def seconds(self) -> float | None:
        """Return how long it is until something is due; None if nothing waits."""
        if self._again:
            return max(0.0, self._again[0][0] - self._clock())
        return float("inf") if self._blocked else None

    def all(self) -> list[Entry]:
        """Return all that waits, which then waits no more."""
        found = [entry for _, _, entry in self._again]
        self._again, self.verdicts = [], 0
        return found + self.unblocked()
