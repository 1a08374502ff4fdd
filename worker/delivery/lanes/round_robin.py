"""The order in which lanes are served: round robin, and at a cost that does not grow with their number."""

import heapq
import math
from collections import deque
from itertools import count

from worker.delivery.lanes.lane import Lane


class Turns:
    """A queue of lanes whose turn comes now, and those whose time is known apart from it."""

    def __init__(self) -> None:
        """Begin without a lane."""
        self._queue: deque[Lane] = deque()
        self._waiting: list[tuple[float, int, Lane]] = []  # a heap by time
        self._inside: dict[Lane, float] = {}  # and when their turn comes; 0 is now
        self._number = count()

    def put(self, lane: Lane, *, at: float = 0.0) -> None:
        """Let a lane come last, or last of that time; one that is in already comes earlier at most."""
        if at >= self._inside.get(lane, math.inf):
            return
        self._inside[lane] = at
        if at > 0.0:
            heapq.heappush(self._waiting, (at, next(self._number), lane))
        else:
            self._queue.append(lane)

    def pick(self, now: float) -> Lane | None:
        """Take out the lane whose turn it is; None if it is nobody's now."""
        while self._waiting and self._waiting[0][0] <= now:
            at, _, due = heapq.heappop(self._waiting)
            if self._inside.get(due) == at:  # else it was put in again for an earlier time
                self._inside[due] = 0.0
                self._queue.append(due)
        if not self._queue:
            return None
        lane = self._queue.popleft()
        del self._inside[lane]
        return lane

    def seconds_to_wait(self, now: float) -> float:
        """Return how long it takes until the first lane that waits has its turn, if one waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else math.inf
