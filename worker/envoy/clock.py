"""A clock for deadlines and leases, which nobody can set."""

import time
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Return seconds since boot, counting the time the host was suspended.

    A monotonic clock stands still while a laptop sleeps or a virtual machine is paused, and would
    let a request go out long after its deadline.  Where the platform has no such clock, the
    monotonic one is returned.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def boot_id() -> str | None:
    """Name the boot that ``boot_clock`` counts from, None where the platform does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
