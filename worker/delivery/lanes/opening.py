"""The lanes that a run has opened, by connection: when they begin, begin again, and rest; a lock is held."""

from collections.abc import Callable, Iterable

from worker.delivery.due import DueConnection
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.lane import Lane
from worker.delivery.lanes.queues import Queues


class OpenedLanes:
    """One lane for each connection that was found due."""

    def __init__(self, queues: Queues, discovery: Discovery, clock: Callable[[], float]) -> None:
        """Begin without a lane."""
        self._queues = queues
        self._discovery = discovery
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._progress = 0

    def add(self, connections: Iterable[DueConnection], *, had_news: bool) -> None:
        """Open a lane for each due connection; one that was closed or exhausted gets another look."""
        for number, name in connections:
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = Lane(number, name)
            elif not had_news and self._is_known_in_vain(lane):
                continue
            elif lane.at_rest or (lane.read_to_end and not lane.ready and not lane.busy):
                lane.rewind(progressed=lane.progressed)
            else:
                lane.found_due = True
            lane.closed = lane.exhausted = False
            lane.left_until = 0.0
            self.place(lane)

    def place(self, lane: Lane) -> None:
        """Put a lane where its turn will come, or to rest."""
        if not lane.busy and lane.sweep(self._clock()):
            lane.vain_at = self._progress
            if not lane.in_vain:  # then there may be more due
                self._discovery.is_wanted = True
        self._queues.put(lane)

    def count_progress(self, lane: Lane, progressed: bool) -> None:
        """Note whether something was done for a lane."""
        lane.progressed = lane.progressed or progressed
        self._progress += progressed

    def begin_all_anew(self) -> None:
        """Let all lanes be read by another part of the rows, from the beginning."""
        for lane in self._lanes.values():
            self.begin_anew(lane)

    def begin_anew(self, lane: Lane) -> None:
        """Let a lane be read from the beginning; one that a preparer has, when it comes back."""
        lane.outdated = lane.busy
        self._queues.empty(lane)
        if not lane.busy:
            lane.begin_anew()
            self.place(lane)

    def _is_known_in_vain(self, lane: Lane) -> bool:
        """Return whether nothing came of a lane, and nothing happened since: else a run might never end."""
        return lane.exhausted and lane.in_vain and not lane.closed and self._progress == lane.vain_at
