"""Where the stages prepare and send meet: one lane a connection, served in turn, each at its own pace.

Preparers are given the lanes that need something; senders take ready work.  How much lies ready is bounded,
for all lanes together and for each.
"""

import threading
from collections.abc import Callable, Collection, Sequence

from worker.delivery.due import DueConnection
from worker.delivery.lanes.bounds import Allowance, Room
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.lanes.opening import OpenedLanes
from worker.delivery.lanes.queues import Queues
from worker.delivery.lanes.sharing import Sharing, alone


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
        preparers: int = 4,
        sharing: Sharing | None = None,
    ) -> None:
        """*ready* is how many planned rows may be held; without *sharing* all rows are this process's."""
        self._discovery = discovery
        self._sharing = sharing or alone()
        self._over = over
        self._clock = clock
        self._allowance = Allowance(limit)
        self._room = Room(ready, self._allowance)
        self._in_flight = self._suspended = 0
        self._has_ended = False
        self._lock = threading.Lock()
        self._queues = Queues(self._lock, self._room, clock, preparers=preparers)
        self._opened = OpenedLanes(self._queues, discovery, clock)

    # What senders ask.

    def take(self) -> Work | None:
        """Return the next ready work, waiting for it if needed; None if the run is over."""
        with self._lock:
            while not self._is_over():
                work = self._next_work()
                if work is not None:
                    return work
                self._queues.wait_to_send()
            self._queues.wake_all()
            return None

    def done(self, work: Work, *, progressed: bool, attempted: bool = True) -> None:
        """Take back one work; *progressed* where its row will not simply come again.

        One that was not even attempted, since its row was not ours to send, does not count for the limit.
        """
        with self._lock:
            lane = work.lane
            lane.in_flight -= 1
            self._in_flight -= 1
            self._opened.count_progress(lane, progressed)
            if not attempted:
                self._give_back(1)
                self._note_refused(lane)
            self._opened.place(lane)
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
            self._opened.place(lane)
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
            self._opened.place(lane)
            self._wake_if_over()

    def close(self, lane: Lane) -> None:
        """Use a lane no more before it is found usable again."""
        with self._lock:
            lane.closed = True
            self._queues.empty(lane)
            self._queues.rest(lane)
            self._wake_if_over()

    # What preparers ask.

    def next_to_prepare(self) -> Lane | None:
        """Return a lane that needs something, and is not given to another; None if the run is over."""
        while True:
            with self._lock:
                if self._is_over():
                    self._queues.wake_all()
                    return None
                look = self._look_that_is_due()
                lane = None if look else self._queues.next_to_prepare()
                if lane is not None:
                    lane.read_next(self._sharing.part, self._clock())
                    return lane
                if look is None:
                    self._queues.wait_to_prepare(self._discovery.seconds_to_wait())
            if look is not None:
                look()

    def put(self, work: Work) -> bool:
        """Add ready work; False where its lane was closed or suspended since."""
        with self._lock:
            lane = work.lane
            if lane.is_stopped:
                return False
            lane.ready.append(work)
            self._room.add(work)
            self._opened.place(lane)
            return True

    def prepared(
        self, lane: Lane, *, slow: bool = False, waits: float = 0.0, page_waits: float = 0.0
    ) -> None:
        """Take a lane back from its preparer; for so many seconds it is not visited, or no page is read."""
        with self._lock:
            self._queues.end_visit(lane)
            lane.busy, lane.slow = False, slow
            now = self._clock()
            lane.waits_until, lane.next_page_at = now + waits, now + page_waits
            if lane.outdated:
                self._opened.begin_anew(lane)
            self._opened.place(lane)
            self._wake_if_over()

    def set_aside(self, lane: Lane) -> None:
        """Keep a lane that waits for a refresh; until it is `prepared` it takes no room from others."""
        with self._lock:
            self._queues.end_visit(lane)

    def may_ask(self, lane: Lane) -> bool:
        """Return whether its preparer may ask Envoy now; else the lane comes again when it may."""
        with self._lock:
            return self._queues.may_ask(lane)

    def is_over(self) -> bool:
        """Return whether nothing more is to be prepared or sent."""
        with self._lock:
            return self._is_over()

    def allowed(self, number: int) -> int:
        """Return how many rows of so many may be finished without a call, and count them for the limit."""
        with self._lock:
            return self._allowance.take(number)

    def settled(self, lane: Lane, number: int, *, allowed: int) -> None:
        """Take back what was allowed to a lane and not finished after all."""
        with self._lock:
            self._opened.count_progress(lane, number > 0)
            self._give_back(allowed - number)

    # Inside; the lock is held.

    def _next_work(self) -> Work | None:
        lane = None if self._allowance.is_spent else self._queues.next_to_send()
        if lane is None:
            return None
        work = lane.ready.popleft()
        lane.in_flight += 1
        self._in_flight += 1
        self._allowance.take()
        self._queues.leave_room(work)
        self._opened.place(lane)
        return work

    def _look_that_is_due(self) -> Callable[[], None] | None:
        if self._discovery.begin():
            return self._discover
        return self._share if self._sharing.begin() else None

    def _discover(self) -> None:
        """Find the due connections, outside the lock: the others go on with what they have."""
        found: Sequence[DueConnection] = ()
        try:
            found = self._discovery.look()
        finally:
            with self._lock:
                self._discovery.end()
                self._opened.add(found, had_news=self._discovery.had_news)
                self._wake_if_over()

    def _share(self) -> None:
        """Find who else is at work, outside the lock; if our part is another now, all lanes begin again."""
        at_work: Collection[str] = ()
        try:
            at_work = self._sharing.find()
        finally:
            with self._lock:
                if self._sharing.end(at_work):
                    self._opened.begin_all_anew()

    def _give_back(self, number: int) -> None:
        """Let others be sent instead, for which there may be room now."""
        was_full = self._room.is_full
        self._allowance.give_back(number)
        if was_full and not self._room.is_full:
            self._queues.wake_preparer()

    def _note_refused(self, lane: Lane) -> None:
        lane.reads_all = False
        if self._sharing.refused():
            self._queues.wake_preparer()

    def _is_over(self) -> bool:
        """Return whether the run is over; once it was, it stays so, for those who look may have gone home."""
        self._has_ended = self._has_ended or self._ends()
        return self._has_ended

    def _ends(self) -> bool:
        if self._over():
            return True
        if self._in_flight or self._suspended or self._discovery.under_way:
            return False
        looks = self._discovery.is_wanted or self._discovery.is_due()
        return self._allowance.is_spent or (not self._queues.active and not looks)

    def _wake_if_over(self) -> None:
        if not self._in_flight and (not self._queues.active or self._allowance.is_spent):
            self._queues.wake_all()
