"""Callers have written something that is due: how the database says so, and what notices it.

The contract's triggers announce each change: by NOTIFY on PostgreSQL, by a number that grows on SQLite.
``Arrivals`` is what the rest of a process asks; which database it is, only this package knows.
"""

from worker.arrivals.announcing import announce
from worker.arrivals.arrivals import Arrivals

__all__ = ["Arrivals", "announce"]
