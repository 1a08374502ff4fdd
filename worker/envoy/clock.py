"""A clock for deadlines and leases."""

import time


def boot_clock() -> float:
    """Return seconds since boot, counting the time the host was suspended.

    A monotonic clock stands still while a laptop sleeps or a virtual machine is paused, and would
    let a request go out long after its deadline.  Where the platform has no such clock, the
    monotonic one is returned.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
