"""In which queue a lane stands, by what it needs, and who is woken for it; the lock of the lanes is held."""

import threading
from collections.abc import Callable

from worker.delivery.lanes.bounds import Room
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.lanes.round_robin import Turns
from worker.delivery.lanes.to_prepare import ToPrepare
from worker.delivery.lanes.waiting import Waiting


class Queues:
    """The lanes that are not at rest: to be sent from, to be prepared, or waiting for what changes that."""

    def __init__(
        self, lock: threading.Lock, room: Room, clock: Callable[[], float], *, preparers: int
    ) -> None:
        """Begin without a lane."""
        self._room = room
        self._clock = clock
        self._to_send, self._to_prepare = Turns(), ToPrepare(preparers)
        self._senders, self._preparers = Waiting(lock), Waiting(lock)
        self.active: set[Lane] = set()

    def put(self, lane: Lane) -> None:
        """Put a lane where its turn will come, by what it needs now."""
        if lane.at_rest:
            self.rest(lane)
            return
        self.active.add(lane)
        if lane.is_stopped or lane.is_tried:
            return
        now = self._clock()
        if lane.ready and lane.checked_until > now:
            slot = lane.ready[0].not_before
            self._to_send.put(lane, at=slot if slot > now else 0.0)
            self._senders.wake()
        if self._needs_preparing(lane, now):
            self._to_prepare.put(lane, is_check=lane.is_stale(now), at=lane.visit_at(now))
            self._preparers.wake()

    def rest(self, lane: Lane) -> None:
        """Have nothing done for a lane."""
        self.active.discard(lane)

    def next_to_send(self) -> Lane | None:
        """Take out the lane whose ready work is next; None if it is nobody's turn now."""
        now = self._clock()
        while (lane := self._to_send.pick(now)) is not None:
            if lane.is_stopped or lane.is_tried or not lane.ready:
                continue  # it is put in again by what changes that
            if lane.checked_until > now and lane.ready[0].not_before <= now:
                return lane
            self.put(lane)
        return None

    def next_to_prepare(self) -> Lane | None:
        """Take out a lane to be prepared; where there is no room, only one whose ready work waits for a look.

        For what lies ready makes room when it is sent.
        """
        now = self._clock()
        while (lane := self._to_prepare.pick(now, checks_only=self._room.is_full)) is not None:
            if lane.visit_at(now):
                self.put(lane)
            elif self._needs_preparing(lane, now):
                self._begin_visit(lane, now)
                return lane
        return None

    def may_ask(self, lane: Lane) -> bool:
        """Return whether the visit to a lane may ask Envoy now."""
        return self._to_prepare.may_ask(lane)

    def end_visit(self, lane: Lane) -> None:
        """Take back what a visit was given."""
        was_full = self._room.is_full
        self._to_prepare.end(lane)
        self._room.close(lane)
        if was_full and not self._room.is_full:
            self._preparers.wake()

    def leave_room(self, work: Work) -> None:
        """Take back the room of ready work that is sent."""
        was_full = self._room.is_full
        self._room.remove(work)
        if was_full and not self._room.is_full:
            self._preparers.wake()

    def empty(self, lane: Lane) -> None:
        """Throw away what lies ready of a lane."""
        while lane.ready:
            self.leave_room(lane.ready.popleft())

    def wake_preparer(self) -> None:
        """Let one preparer look whether there is something to do."""
        self._preparers.wake()

    def wait_to_send(self) -> None:
        """Wait until there may be work for a sender."""
        self._senders.wait(self._to_send.seconds_to_wait(self._clock()))

    def wait_to_prepare(self, most_seconds: float) -> None:
        """Wait until there may be a lane for a preparer, so many seconds at most."""
        seconds = self._to_prepare.seconds_to_wait(self._clock(), checks_only=self._room.is_full)
        self._preparers.wait(min(seconds, most_seconds))

    def wake_all(self) -> None:
        """Let all threads look, since the run may be over."""
        self._senders.wake_all()
        self._preparers.wake_all()

    def _begin_visit(self, lane: Lane, now: float) -> None:
        lane.busy = True
        is_check = lane.is_stale(now) and (lane.slow or lane.asks or lane.next_page_at > now)
        if not is_check and not self._room.is_full:
            self._to_prepare.begin(lane)
            if self._needs_page(lane):
                self._room.promise(lane, len(self.active))

    def _needs_preparing(self, lane: Lane, now: float) -> bool:
        if lane.busy or lane.at_rest or lane.is_stopped or lane.is_tried:
            return False
        return lane.is_stale(now) or self._needs_page(lane)

    def _needs_page(self, lane: Lane) -> bool:
        most = 0 if lane.on_trial else self._room.share(len(self.active)) // 2
        return not lane.read_to_end and len(lane.ready) <= most
