"""Where the stages prepare and send meet: one lane a connection, served in turn, each at its own pace.

Preparers are given the lanes that need something; senders take ready work.  How much lies ready is bounded,
for all lanes together and for each.
"""

import threading
from collections.abc import Callable, Iterable, Sequence

from worker.delivery.bounds import Allowance, Room
from worker.delivery.discovery import Discovery
from worker.delivery.lane import Lane, Work
from worker.delivery.rows import DueConnection
from worker.delivery.turns import Turns
from worker.delivery.waiting import Waiting


class Lanes:
    """The lanes of one run; nobody's trouble makes another wait."""

    def __init__(
        self,
        discovery: Discovery,
        *,
        over: Callable[[], bool],
        clock: Callable[[], float],
        ready: int = 10_000,
        limit: int | None = None,
        slow: int = 2,
    ) -> None:
        """*ready* is how many planned rows may be held, *slow* how many preparers slow lanes may keep."""
        self._discovery = discovery
        self._over = over
        self._clock = clock
        self._room = Room(ready)
        self._allowance = Allowance(limit)
        self._most_slow, self._slow = slow, 0
        self._lanes: dict[str, Lane] = {}
        self._active: set[Lane] = set()  # those that are not at rest
        self._in_flight = self._suspended = 0
        self._to_send, self._to_prepare, self._slow_to_prepare = Turns(), Turns(), Turns()
        self._lock = threading.Lock()
        self._senders, self._preparers = Waiting(self._lock), Waiting(self._lock)

    # What senders ask.

    def take(self) -> Work | None:
        """Return the next ready work, waiting for it if needed; None where the run is over."""
        with self._lock:
            while not self._is_over():
                work = self._next_work()
                if work is not None:
                    return work
                self._senders.wait(self._to_send.seconds_to_wait(self._clock()))
            self._wake_all()
            return None

    def done(self, work: Work, *, progressed: bool, attempted: bool = True) -> None:
        """Take back one work; *progressed* where its row will not simply come again.

        One that was not even attempted, since its row was not ours to send, does not count for the limit.
        """
        with self._lock:
            lane = work.lane
            lane.in_flight -= 1
            self._in_flight -= 1
            lane.progressed = lane.progressed or progressed
            if not attempted:
                self._allowance.give_back(1)
            self._place(lane)
            self._wake_if_over()

    def put_back(self, work: Work) -> None:
        """Take back work that nothing was done about: it is the next of its lane, once that was looked at."""
        with self._lock:
            lane = work.lane
            lane.in_flight -= 1
            self._in_flight -= 1
            self._allowance.give_back(1)
            lane.checked_until = 0.0
            if lane.closed:
                lane.look_again = True
            else:
                lane.ready.appendleft(work)
                self._room.add(work)
            self._place(lane)
            self._wake_if_over()

    def suspend(self, lane: Lane) -> None:
        """Hand out nothing of a lane until what an attempt came to has had its consequences."""
        with self._lock:
            lane.suspended += 1
            self._suspended += 1

    def resume(self, lane: Lane) -> None:
        """Go on with it, unless it was closed, or another trouble is still open; it is looked at first."""
        with self._lock:
            lane.suspended -= 1
            self._suspended -= 1
            lane.checked_until = 0.0
            self._place(lane)
            self._wake_if_over()

    def close(self, lane: Lane) -> None:
        """Use a lane no more before it is found usable again."""
        with self._lock:
            lane.closed = True
            while lane.ready:
                self._room.remove(lane.ready.popleft())
            self._active.discard(lane)
            self._wake_if_over()

    # What preparers ask.

    def next_to_prepare(self) -> Lane | None:
        """Return a lane that needs something, and is not given to another; None where the run is over."""
        while True:
            with self._lock:
                if self._is_over():
                    self._wake_all()
                    return None
                looks = self._discovery.begin()
                lane = None if looks else self._next_lane()
                if lane is not None:
                    return lane
                if not looks:
                    self._preparers.wait(self._to_prepare.seconds_to_wait(self._clock()))
            if looks:
                self._discover()

    def put(self, work: Work) -> bool:
        """Add ready work; False where its lane was closed or suspended since."""
        with self._lock:
            lane = work.lane
            if lane.is_stopped:
                return False
            lane.ready.append(work)
            self._room.add(work)
            self._place(lane)
            return True

    def prepared(self, lane: Lane, *, slow: bool = False, waits: float = 0.0) -> None:
        """Take a lane back from its preparer; nothing more is prepared for so many seconds."""
        with self._lock:
            self._slow -= lane.slow
            self._room.close(lane)
            lane.busy, lane.slow = False, slow
            lane.waits_until = self._clock() + waits if waits else 0.0
            self._place(lane)
            self._wake_if_over()

    def allowed(self, number: int) -> int:
        """Return how many rows of so many may be finished without a call, and count them for the limit."""
        with self._lock:
            return self._allowance.take(number)

    def settled(self, lane: Lane, number: int, *, allowed: int) -> None:
        """Take back what was allowed to a lane and not finished after all."""
        with self._lock:
            lane.progressed = lane.progressed or number > 0
            self._allowance.give_back(allowed - number)

    # Inside; the lock is held.

    def _next_work(self) -> Work | None:
        now = self._clock()
        while not self._allowance.is_spent and (lane := self._to_send.pick(now)) is not None:
            if lane.is_stopped or lane.is_tried or not lane.ready:
                continue  # it is put in again by what changes that
            if lane.checked_until > now and lane.ready[0].not_before <= now:
                return self._handed_out(lane)
            self._place(lane)
        return None

    def _handed_out(self, lane: Lane) -> Work:
        work = lane.ready.popleft()
        lane.in_flight += 1
        self._in_flight += 1
        was_full = self._room.is_full
        self._room.remove(work)
        self._allowance.take()
        self._place(lane)
        if was_full:
            self._preparers.wake()
        return work

    def _next_lane(self) -> Lane | None:
        """Take out a lane to be prepared; those that take long may not keep all preparers."""
        now = self._clock()
        turns = [self._to_prepare]
        if self._slow < self._most_slow:
            turns.append(self._slow_to_prepare)
        for queue in turns:
            while not self._room.is_full and (lane := queue.pick(now)) is not None:
                if lane.waits_until > now:
                    self._place(lane)
                elif self._needs_preparing(lane, now):
                    lane.busy = True
                    self._slow += lane.slow
                    self._room.promise(lane, len(self._active))
                    return lane
        return None

    def _place(self, lane: Lane) -> None:
        """Put a lane where its turn will come, by what it needs now."""
        if not lane.busy:
            lane.sweep()
        if lane.at_rest:
            self._active.discard(lane)
            return
        self._active.add(lane)
        if lane.is_stopped or lane.is_tried:
            return
        now = self._clock()
        if lane.ready and lane.checked_until > now:
            slot = lane.ready[0].not_before
            self._to_send.put(lane, at=slot if slot > now else 0.0)
            self._senders.wake()
        if self._needs_preparing(lane, now):
            queue = self._slow_to_prepare if lane.slow else self._to_prepare
            queue.put(lane, at=lane.waits_until if lane.waits_until > now else 0.0)
            self._preparers.wake()

    def _needs_preparing(self, lane: Lane, now: float) -> bool:
        if lane.busy or lane.at_rest or lane.is_stopped or lane.is_tried:
            return False
        if lane.ready and lane.checked_until <= now:
            return True
        most = 0 if lane.on_trial else self._room.share(len(self._active)) // 2
        return not lane.read_to_end and len(lane.ready) <= most

    def _discover(self) -> None:
        """Find the due connections, outside the lock: the others go on with what they have."""
        found: Sequence[DueConnection] = ()
        try:
            found = self._discovery.find()
        finally:
            with self._lock:
                self._discovery.end()
                self._add(found)
                self._wake_if_over()

    def _add(self, connections: Iterable[DueConnection]) -> None:
        """Open a lane for each due connection; one that was closed or exhausted gets another look."""
        for number, name in connections:
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = Lane(number, name)
            elif lane.at_rest or (lane.read_to_end and not lane.ready and not lane.busy):
                lane.rewind()
            else:
                lane.look_again = True
            lane.closed = lane.exhausted = False
            self._place(lane)

    def _is_over(self) -> bool:
        if self._over():
            return True
        if self._in_flight or self._suspended or self._discovery.under_way:
            return False
        return self._allowance.is_spent or (not self._active and not self._discovery.is_due())

    def _wake_if_over(self) -> None:
        if not self._in_flight and (not self._active or self._allowance.is_spent):
            self._wake_all()

    def _wake_all(self) -> None:
        self._senders.wake_all()
        self._preparers.wake_all()
