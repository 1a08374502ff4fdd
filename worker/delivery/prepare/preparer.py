"""The stage prepare: bring one lane after the other as far as it goes without being sent."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from worker.clock import boot_clock
from worker.connections.tokens.access import AccessToken, BeingRefreshed
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane
from worker.delivery.prepare.page import Pages
from worker.delivery.prepare.usability import NotYet, Usability
from worker.errors import OF_ONE_CONNECTION

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
        began, waits, page_waits, kept = self.clock(), 0.0, 0.0, False
        try:
            found = self.usability.check(lane)
            if found is None:
                self.lanes.close(lane)
            elif isinstance(found, NotYet):
                waits, kept = found.seconds, self._waits_for(lane, found.refresh)
            elif lane.room:
                page_waits = self.pages.prepare(self.lanes, lane, found.connection, found.now)
        except BeingRefreshed as error:
            lane.was_refused = error.rejected_version is not None
            lane.refresh = error.refresh
            kept = self._waits_for(lane, error.refresh)
        except OF_ONE_CONNECTION as error:
            self.usability.give_up(lane, error)
            self.lanes.close(lane)
        finally:
            if not kept:
                slow = self.clock() - began > SLOW_SECONDS
                self.lanes.prepared(lane, slow=slow, waits=waits, page_waits=page_waits)

    def _waits_for(self, lane: Lane, refresh: Future[AccessToken] | None) -> bool:
        """Let a lane go on when a refresh has ended; until then it keeps no preparer, and no room."""
        if refresh is not None:
            self.lanes.set_aside(lane)
            refresh.add_done_callback(lambda _: self.lanes.prepared(lane))
        return refresh is not None
