"""When the refresh lease of somebody else is over, whatever a wall clock says.

Taken over too early, one refresh token goes out twice, and that ends the customer's grant.  So a lease
says when it ends on its owner's clock since boot, which nobody sets; who reads the same clock goes by it.
All others go by the database's clock, and mistrust it where the lease ends later than any lease can.
"""

import threading
from collections.abc import Callable
from datetime import datetime

from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change
from worker.database import Database
from worker.database.ahead import lies_ahead
from worker.database.owner import is_dead, this_boot_clock
from worker.database.repeating import repeated


class LeaseEnds:
    """What one process knows of the ends of others' leases."""

    def __init__(self, database: Database, *, seconds: float, clock: Callable[[], float]) -> None:
        """Have seen none yet; *seconds* is the length of every lease, and *clock* counts from boot."""
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def is_over(self, row: Connection, now: datetime) -> bool:
        """Return whether nobody holds the lease of a row that was just read; *now* is the database's time."""
        if row.lease_owner is None or is_dead(row.lease_owner.partition("#")[0]):
            return True
        left = self._left(row.lease_owner)
        if left is not None and left <= self._seconds:
            return left <= 0
        if left is None and (row.lease_until is None or row.lease_until <= now):
            return True
        if left is None and lies_ahead(row.lease_until, now, self._seconds):
            return False
        return self._stood_still(row, row.lease_owner)

    def _left(self, signature: str) -> float | None:
        """Return how many seconds are left until the end that a signature names, None if it names none."""
        ends = _ends_here(signature)
        return None if ends is None else ends - self._clock()

    def _stood_still(self, row: Connection, owner: str) -> bool:
        """Return whether an odd lease was seen unchanged for as long as a lease, on our boot clock."""
        watched = (row.lease_watched or "").removeprefix(f"{owner}#")
        known = watched != (row.lease_watched or "")
        left = self._left(watched) if known else None
        if left is not None and left <= self._seconds:
            return left <= 0
        if not known or left is not None:  # a note of ours that is odd itself is made again
            self._watch(row, owner)
        with self._lock:
            seen, since = self._seen.get(row.id or 0, ("", 0.0))
            if seen != owner:
                since = self._clock()
                self._seen[row.id or 0] = owner, since
        return self._clock() - since >= self._seconds

    @repeated
    def _watch(self, row: Connection, owner: str) -> None:
        """Store since when it is watched: a process that runs once does not live to see the end."""
        own = CONNECTIONS.c
        with self._database.write() as connection:
            change(
                connection,
                (own.id == row.id)
                & (own.lease_owner == owner)
                & own.lease_watched.is_not_distinct_from(row.lease_watched),
                lease_watched=signed(owner, self._clock() + self._seconds),
            )


def signed(owner: str, ends: float) -> str:
    """Return a lease's name along with its end on this host's clock since boot, where that has a name."""
    clock = this_boot_clock()
    return owner if clock is None else f"{owner}#{clock}={ends:.3f}"


def _ends_here(signature: str) -> float | None:
    """Return the end that a signature names, None if it goes by another clock than ours, or by none."""
    clock, _, ends = signature.rpartition("#")[2].partition("=")
    if clock != this_boot_clock():
        return None
    try:
        return float(ends)
    except ValueError:
        return None
