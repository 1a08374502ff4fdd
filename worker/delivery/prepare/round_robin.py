"""The order in which lanes are served: round robin, and at a cost that does not grow with their number."""

import heapq
from collections import deque
from itertools import count

from worker.delivery.lane import Lane


class Turns:
    """A queue of the lanes that may be served, and those whose time is known apart from it.

    A lane at rest drops out when its turn comes; whoever gives it something to do puts it in again.
    """

    def __init__(self) -> None:
        """Begin without a lane."""
        self._queue: deque[Lane] = deque()
        self._waiting: list[tuple[float, int, Lane]] = []  # a heap by time
        self._inside: set[Lane] = set()
        self._number = count()

    def __len__(self) -> int:
        """Return how many lanes are in."""
        return len(self._inside)

    def put(self, lane: Lane) -> None:
        """Let a lane come last, unless it is in already."""
        if lane not in self._inside:
            self._inside.add(lane)
            self._queue.append(lane)

    def pick(self, now: float) -> Lane | None:
        """Return the lane whose turn it is, and let it come last; None where none may be served now."""
        while self._waiting and self._waiting[0][0] <= now:
            self._queue.append(heapq.heappop(self._waiting)[2])
        for _ in range(len(self._queue)):
            lane = self._queue.popleft()
            self._put_back(lane, now)
            if lane.may_be_served(now):
                return lane
        return None

    def all_at_rest(self) -> bool:
        """Say whether no lane has anything left to do."""
        return all(lane.at_rest for lane in self._inside)

    def seconds_to_wait(self, now: float, *, most: float) -> float:
        """Return how long it takes until the first waiting lane may be served."""
        return min(most, self._waiting[0][0] - now) if self._waiting else most

    def _put_back(self, lane: Lane, now: float) -> None:
        if lane.at_rest:
            self._inside.remove(lane)
        elif lane.waits_until > now:
            heapq.heappush(self._waiting, (lane.waits_until, next(self._number), lane))
        else:
            self._queue.append(lane)
