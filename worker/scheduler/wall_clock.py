"""Notice that the wall clock was set: it is compared with the one that nobody can set."""

from collections.abc import Callable
from datetime import datetime

from worker.database import utc_now
from worker.envoy.clock import boot_clock

JUMP_SECONDS = 2.0
UNSURE_SECONDS = 0.5  # so long between two looks at one clock, and a comparison says nothing


class WallClock:
    """How far this process's wall clock and its boot clock were apart when they were last compared.

    A clock that is made faster or slower to set it right is so for both, and no jump.
    """

    def __init__(
        self, wall: Callable[[], datetime] = utc_now, boot: Callable[[], float] = boot_clock
    ) -> None:
        """Compare them for the first time."""
        self._wall = wall
        self._boot = boot
        self._apart = wall().timestamp() - boot()

    def jumped(self) -> float:
        """Return by how many seconds the wall clock was set since it was last said, 0 where it was not."""
        before = self._boot()
        apart = self._wall().timestamp() - before
        by = apart - self._apart
        # The process may have stood still in between.
        if abs(by) < JUMP_SECONDS or self._boot() - before > UNSURE_SECONDS:
            return 0.0
        self._apart = apart
        return by
