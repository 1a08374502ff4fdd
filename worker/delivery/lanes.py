"""Whose turn it is: one lane a connection, served in turn, each at its own pace."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.connections.model import Connection
from worker.connections.pace import AHEAD_SECONDS
from worker.delivery.freshness import Freshness
from worker.delivery.plan import Call
from worker.delivery.rows import Cursor, DueRow
from worker.directory.employees import Look, Sought


@dataclass(frozen=True, slots=True)
class Work:
    """One row that Envoy must be called for."""

    lane: "Lane"
    row: DueRow
    call: Call


@dataclass(slots=True, eq=False)
class Lane:
    """The due rows of one connection, as far as they were read."""

    connection: Connection
    fresh: Freshness
    ready: deque[Work] = field(default_factory=deque)
    cursor: Cursor | None = None
    progressed: bool = False  # since the sweep began: then there may be more due, and it begins again
    exhausted: bool = False
    closed: bool = False  # held, dead or unreachable: not again in this run
    busy: bool = False  # a thread reads its next page or waits for its pace
    has_slot: bool = False  # a place in the stored pace is reserved
    looks: dict[Sought, Look] = field(default_factory=dict, repr=False)  # for hosts, in this run
    doubts: int = 0  # answers in a row that left it open what Envoy did
    on_trial: bool = False  # was held by itself: one request at a time, until one succeeds
    in_flight: int = 0
    waits_until: float = 0.0  # on our clock: for that place, or to ask for one again

    @property
    def name(self) -> str:
        """The connection's name."""
        return self.connection.name

    def may_be_served(self, now: float) -> bool:
        """Say whether it can be brought a step further now."""
        on_trial = self.on_trial and self.in_flight > 0
        return not (self.busy or self.closed or self.exhausted or on_trial or self.waits_until > now)


class Lanes:
    """Hand work to sender threads, round robin; nobody's trouble makes another wait."""

    def __init__(
        self,
        *,
        fill: Callable[[Lane], None],
        reserve: Callable[[Lane], float] | None,
        discover: Callable[[], list[Connection]],
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
        self._lanes: deque[Lane] = deque()
        self._changed = threading.Condition()
        self._in_flight = 0
        self._next_discovery = clock()

    def next(self) -> Work | None:
        """Return the next work, waiting for it if needed; None when there is none left in this run."""
        while self._left != 0 and not self._over():
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
                work.lane.exhausted = False
            self._changed.notify_all()

    def close(self, lane: Lane) -> None:
        """Use a lane no more in this run."""
        with self._changed:
            lane.closed = True
            lane.ready.clear()
            self._changed.notify_all()

    def page_size(self, most: int) -> int:
        """Return how many rows a page may have, so that no more than the limit are finished."""
        return most if self._left is None else min(most, max(1, self._left))

    def settled(self, lane: Lane, number: int) -> None:
        """Count rows of a lane that were finished without a call."""
        with self._changed:
            lane.progressed = lane.progressed or number > 0
            if self._left is not None:
                self._left = max(0, self._left - number)

    def _turn(self) -> tuple[Lane | None, Work | None]:
        """Return the lane whose turn it is, and its work if some is ready; wait a little if there is none."""
        with self._changed:
            lane = self._pick()
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
                self._fill(lane)
                self._sweep(lane)
        finally:
            with self._changed:
                lane.busy = False
                self._changed.notify_all()

    def _sweep(self, lane: Lane) -> None:
        """After an empty page: begin again where something was done since, else the lane is exhausted."""
        if lane.ready or lane.cursor is not None:
            return
        lane.exhausted = not lane.progressed
        lane.progressed = False

    def _pick(self) -> Lane | None:
        if self._clock() >= self._next_discovery:
            self._next_discovery = self._clock() + self._discover_every
            self._add(self._discover())
        for _ in range(len(self._lanes)):
            lane = self._lanes[0]
            self._lanes.rotate(-1)
            if lane.may_be_served(self._clock()):
                return lane
        return None

    def _add(self, connections: list[Connection]) -> None:
        """Open a lane for each due connection; one that was closed or exhausted gets another look."""
        known = {lane.name: lane for lane in self._lanes}
        for connection in connections:
            lane = known.get(connection.name)
            if lane is None:
                self._lanes.append(Lane(connection, Freshness(self._clock)))
            else:
                lane.closed = lane.exhausted = False

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
        return self._in_flight == 0 and all(lane.closed or lane.exhausted for lane in self._lanes)

    def _patience(self) -> float:
        """Return for how long nothing can happen by itself: until a reserved place comes, or a look."""
        now = self._clock()
        waits = [lane.waits_until - now for lane in self._lanes if lane.waits_until > now and not lane.closed]
        return max(0.001, min([*waits, 1.0]))
