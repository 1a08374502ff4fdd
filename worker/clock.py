"""Clocks: one for deadlines, which nobody can set, and the wall's, watched by it; a moment of it as text."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

JUMP_SECONDS = 2.0
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
UNSURE_SECONDS = 0.5  # so long between two looks at one clock, and a comparison says nothing
TRIES = 3  # at a comparison: a busy host may let a process stand still at any moment


def boot_clock() -> float:
    """Return seconds since boot, counting the time the host was suspended.

    A monotonic clock stands still while a laptop sleeps or a virtual machine is paused, and would
    let a request go out long after its deadline.  Where the platform has no such clock, the
    monotonic one is returned.
    """
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class WallClock:
    """Notices that the wall clock of this host was set: it is compared with the boot clock at each question.

    A clock that is made faster or slower to set it right is so for both, and no jump.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        boot: Callable[[], float] = boot_clock,
    ) -> None:
        """Compare them for the first time."""
        self._wall = wall
        self._boot = boot
        self._lock = threading.Lock()
        self._apart = wall().timestamp() - boot()
        self._untold = 0.0
        self._last_set = -math.inf  # on the boot clock

    def jumped(self) -> float:
        """Return by how many seconds it was set since that was last said, 0 where it was not."""
        with self._lock:
            self._compare()
            by, self._untold = self._untold, 0.0
            return by

    def was_set_since(self, boot_seconds: float) -> bool:
        """Return whether it was seen to be set since that moment of the boot clock."""
        with self._lock:
            self._compare()
            return self._last_set >= boot_seconds

    def _compare(self) -> None:
        for _ in range(TRIES):
            before = self._boot()
            apart = self._wall().timestamp() - before
            if self._boot() - before <= UNSURE_SECONDS:  # else the process stood still in between
                break
        else:
            return
        by = apart - self._apart
        if abs(by) >= JUMP_SECONDS:
            self._apart, self._last_set = apart, before
            self._untold += by


def to_second(moment: datetime) -> str:
    """Write a moment as Envoy documents it, and as an operator reads it: UTC, with ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_millisecond(moment: datetime) -> str:
    """Write a moment as SQLite stores it, and as events have it: UTC, with ``Z``; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
