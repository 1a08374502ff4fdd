"""The stage prepare: bring one lane after the other as far as it goes without being sent."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.delivery.lane import Lane
from worker.delivery.lanes import Lanes
from worker.delivery.prepare.page import Pages
from worker.delivery.prepare.usability import OF_ONE_CONNECTION, NotYet, Usability
from worker.envoy.clock import boot_clock

SLOW_SECONDS = 0.5  # a lane that takes longer leaves room for others the next time


@dataclass(frozen=True, slots=True)
class Preparer:
    """What a preparer thread does; shared by all of a run."""

    lanes: Lanes
    usability: Usability
    pages: Pages
    clock: Callable[[], float] = boot_clock

    def run(self) -> None:
        """Prepare until the run is over."""
        while (lane := self.lanes.next_to_prepare()) is not None:
            self._bring_on(lane)

    def _bring_on(self, lane: Lane) -> None:
        began, waits, kept = self.clock(), 0.0, False
        try:
            found = self.usability.check(lane)
            if found is None:
                self.lanes.close(lane)
            elif isinstance(found, NotYet):
                waits, kept = found.seconds, found.refresh is not None
                if found.refresh is not None:  # it goes on with the refresh, and keeps no preparer
                    found.refresh.add_done_callback(lambda _: self.lanes.prepared(lane))
            elif not lane.read_to_end and len(lane.ready) < lane.room:
                waits = self.pages.prepare(self.lanes, lane, found.connection, found.now)
        except OF_ONE_CONNECTION as error:
            self.usability.give_up(lane, error)
            self.lanes.close(lane)
        finally:
            if not kept:
                slow = self.clock() - began > SLOW_SECONDS
                self.lanes.prepared(lane, slow=slow, waits=waits)
