"""Whose turn it is: one lane a connection, served in turn, each at its own pace."""

import threading
from collections.abc import Callable, Sequence

from worker.connections.pace import AHEAD_SECONDS
from worker.delivery.freshness import Freshness
from worker.delivery.lane import Lane, Work
from worker.delivery.prepare.round_robin import Turns
from worker.delivery.rows import DueConnection

LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS = 1.0, 0.001
MOST_READY = 10_000  # rows in memory, of all lanes together
MOST_READY_BYTES = 16_000_000  # of their JSON and texts
LEAST_PAGE = 10


class Lanes:
    """Hand work to sender threads, round robin; nobody's trouble makes another wait."""

    def __init__(
        self,
        *,
        fill: Callable[[Lane], None],
        reserve: Callable[[Lane], float] | None,
        discover: Callable[[], Sequence[DueConnection]],
        clock: Callable[[], float],
        discover_every: float,
        limit: int | None,
        over: Callable[[], bool],
    ) -> None:
        """Take what reads a lane's next page, reserves its pace (None: no limit), finds due connections."""
        self._fill = fill
        self._reserve = reserve or (lambda _lane: 0.0)
        self._paced = reserve is not None
        self._discover = discover
        self._clock = clock
        self._discover_every = discover_every
        self._left = limit
        self._over = over
        self._lanes: dict[str, Lane] = {}
        self._turns = Turns()
        self._changed = threading.Condition()
        self._in_flight = 0
        self._discovering = False
        self._next_discovery = clock()

    def next(self) -> Work | None:
        """Return the next work, waiting for it if needed; None when there is none left in this run."""
        while self._left != 0 and not self._over():
            if self._may_discover():
                self._discover_due()
            lane, work = self._turn()
            if work is not None:
                return work
            if lane is not None:
                self._advance(lane)
            elif self._is_over():
                return None
        return None

    def done(self, work: Work, *, progressed: bool, attempted: bool = True) -> None:
        """Take back one work; *progressed* where its row will not simply come again.

        One that was not even attempted, since its row was not ours to send, does not count for the limit.
        """
        with self._changed:
            work.lane.in_flight -= 1
            self._in_flight -= 1
            if self._left is not None and not attempted:
                self._left += 1
            if progressed:
                work.lane.progressed = True
                self._awake(work.lane)
            self._changed.notify_all()

    def close(self, lane: Lane) -> None:
        """Use a lane no more in this run."""
        with self._changed:
            lane.closed = True
            lane.ready.clear()
            self._changed.notify_all()

    def page_size(self, most: int) -> int:
        """Return how many rows a page may have: no more than the limit allows, and fewer with many lanes."""
        share = max(LEAST_PAGE, MOST_READY // max(1, len(self._turns)))
        return min(most, share) if self._left is None else min(most, share, max(1, self._left))

    def page_bytes(self, most: int) -> int:
        """Return how many bytes a page may have: its share of what all lanes may hold ready."""
        return min(most, MOST_READY_BYTES // max(1, len(self._turns)))

    def allowed(self, number: int) -> int:
        """Return how many rows of so many may be finished without a call, and count them for the limit."""
        with self._changed:
            if self._left is None:
                return number
            allowed = min(self._left, number)
            self._left -= allowed
            return allowed

    def settled(self, lane: Lane, number: int, *, allowed: int) -> None:
        """Take back what was allowed to a lane and not finished after all."""
        with self._changed:
            lane.progressed = lane.progressed or number > 0
            if self._left is not None:
                self._left += allowed - number

    def _turn(self) -> tuple[Lane | None, Work | None]:
        """Return the lane whose turn it is, and its work if some is ready; wait a little if there is none."""
        with self._changed:
            if self._left == 0:  # another thread has taken the last one
                return None, None
            lane = self._turns.pick(self._clock())
            if lane is None:
                if not self._finished():
                    self._changed.wait(self._patience())
                return None, None
            if self._may_go(lane):
                return lane, self._hand_out(lane)
            lane.busy = True
            return lane, None

    def _advance(self, lane: Lane) -> None:
        """Bring a lane one step further, outside the lock: it may ask the database, or Envoy."""
        try:
            if lane.ready:
                wait = self._reserve(lane)
                lane.has_slot = wait <= AHEAD_SECONDS
                lane.waits_until = self._clock() + wait
            else:
                if not lane.read_to_end:
                    self._fill(lane)
                with self._changed:  # a row that is done at this moment must not be overlooked
                    lane.sweep()
        finally:
            with self._changed:
                lane.busy = False
                self._changed.notify_all()

    def _may_discover(self) -> bool:
        """Say whether it is time to look for due connections, to one thread."""
        with self._changed:
            if self._discovering or self._clock() < self._next_discovery:
                return False
            self._next_discovery = self._clock() + self._discover_every
            self._discovering = True
            return True

    def _discover_due(self) -> None:
        """Find the due connections, outside the lock: the others go on with what they have."""
        found: Sequence[DueConnection] = ()
        try:
            found = self._discover()
        finally:
            with self._changed:
                self._discovering = False
                self._add(found)
                self._changed.notify_all()

    def _add(self, connections: Sequence[DueConnection]) -> None:
        """Open a lane for each due connection; one that was closed or exhausted gets another look."""
        for number, name in connections:
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = Lane(number, name, Freshness(self._clock))
            if lane.closed:  # what was read of it then lies before its cursor, and is still due
                lane.closed, lane.progressed = False, True
            self._awake(lane)

    def _awake(self, lane: Lane) -> None:
        lane.exhausted = False
        if not lane.closed:
            self._turns.put(lane)

    def _may_go(self, lane: Lane) -> bool:
        return bool(lane.ready) and (lane.has_slot or not self._paced)

    def _hand_out(self, lane: Lane) -> Work:
        lane.has_slot = False
        lane.in_flight += 1
        self._in_flight += 1
        if self._left is not None:
            self._left -= 1
        return lane.ready.popleft()

    def _is_over(self) -> bool:
        with self._changed:
            return self._finished()

    def _finished(self) -> bool:
        return self._in_flight == 0 and not self._discovering and self._turns.all_at_rest()

    def _patience(self) -> float:
        """Return for how long nothing can happen by itself: until a reserved place comes, or a look."""
        seconds = self._turns.seconds_to_wait(self._clock(), most=LONGEST_WAIT_SECONDS)
        return max(SHORTEST_WAIT_SECONDS, seconds)
