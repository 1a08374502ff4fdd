"""Callers have written something that is due: how the database says so, and what notices it.

The contract's triggers announce each change: by NOTIFY on PostgreSQL, by a number that grows on SQLite.
``Arrivals`` is what the rest of a process asks; which database it is, only this package knows.

Files:

announcing: Announce that something is due, as the contract's triggers do; and say whether they shall.
arrivals: What a process knows of callers' changes: how often some were noticed, and whom that wakes.
listening: PostgreSQL: one connection hears what the triggers send at a caller's commit.
looking: SQLite: whether somebody has committed is a number in shared memory, looked at a few times a second.
model: The table ``arrival``, of one row at most: what the contract's triggers look at, or count in.
source: What a database tells of callers' changes.
"""

from worker.arrivals.announcing import announce
from worker.arrivals.arrivals import Arrivals

__all__ = ["Arrivals", "announce"]
