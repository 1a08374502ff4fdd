"""Which due rows are this process's to send, while several processes are at work on one database.

Nothing is stored for it: the ledger says who has made attempts of late.  It only keeps processes from
planning what another one has planned as well; whose a row is, its claim decides.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

EVERY_SECONDS = 2.0  # at most: between two looks who is at work
LEAST_REFUSED = 4  # claims since the last look: one may be a caller's doing
# Numbers next to each other, or at equal distances, fall into all parts alike: their ratio is the golden one.
MODULUS, FACTOR = 1_000_003, 618_034


@dataclass(frozen=True, slots=True)
class Part:
    """One of so many parts, of equal size, of all rows."""

    index: int = 0
    number: int = 1

    @property
    def is_all(self) -> bool:
        """Whether all rows belong to it."""
        return self.number == 1

    def has(self, row_id: int) -> bool:
        """Return whether a row belongs to it."""
        return row_id % MODULUS * FACTOR % MODULUS * self.number // MODULUS == self.index


ALL = Part()


@dataclass(slots=True)
class Sharing:
    """This process's part of the due rows: all of them, until claims were refused.

    *find* returns the processes that are at work, maybe with *own*, which is this one.
    """

    find: Callable[[], Collection[str]]
    clock: Callable[[], float]
    own: str
    part: Part = ALL
    _refused: int = 0
    _under_way: bool = False
    _last: float = field(default=float("-inf"))

    def refused(self) -> bool:
        """Count a claim that was refused, maybe for another process's; say whether it is time to look."""
        self._refused += 1
        return self._is_due()

    def begin(self) -> bool:
        """Say to one thread at a time that it is time to look."""
        if self._under_way or not self._is_due():
            return False
        self._last, self._under_way, self._refused = self.clock(), True, 0
        return True

    def end(self, at_work: Collection[str]) -> bool:
        """Take what was found, and let the next look begin when due; say whether our part is another."""
        processes = sorted({self.own, *at_work})
        before, self.part = self.part, Part(processes.index(self.own), len(processes))
        self._under_way = False
        return self.part != before

    def _is_due(self) -> bool:
        has_reason = not self.part.is_all or self._refused >= LEAST_REFUSED
        return has_reason and self.clock() - self._last >= EVERY_SECONDS


def alone() -> Sharing:
    """Return what a process goes by that never looks for others."""
    return Sharing(tuple, float, "")
