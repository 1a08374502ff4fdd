"""What a run of a job did: counts, and the troubles that decide the exit code."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from worker.errors import ExitCode

# The first of these that applies is the exit code.
PRECEDENCE = (
    ExitCode.SETTINGS,
    ExitCode.DISK_FULL,
    ExitCode.UNREACHABLE,
    ExitCode.UNEXPECTED,
    ExitCode.USAGE,
    ExitCode.NEEDS_AUTHORISATION,
    ExitCode.REJECTED,
    ExitCode.TRY_LATER,
)


def first_that_applies(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of everything that happened together."""
    present = set(codes)
    return next((code for code in PRECEDENCE if code in present), ExitCode.DONE)


@dataclass(slots=True)
class Report:
    """Counts by outcome, added to by many threads."""

    counts: Counter[str] = field(default_factory=Counter)
    troubles: set[ExitCode] = field(default_factory=set)
    hint: str = ""  # what to do about a trouble that no event tells
    unfinished: bool = False  # a part is left for the next run, on purpose
    error_code: str = ""  # the reason, where it is one from the list
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, outcome: str, number: int = 1) -> None:
        """Count *number* more of an outcome."""
        with self._lock:
            self.counts[outcome] += number

    def trouble(self, code: ExitCode) -> None:
        """Remember a trouble."""
        with self._lock:
            self.troubles.add(code)

    def reopened(self, number: int) -> None:
        """Count so many rejections as deferred after all: they were no row's fault."""
        with self._lock:
            taken = min(number, self.counts["rejected"])
            self.counts.update(rejected=-taken, deferred=taken)
            if not self.counts["rejected"] and not self.counts["unknown"]:
                self.troubles.discard(ExitCode.REJECTED)

    @property
    def did_something(self) -> bool:
        """Whether there is anything to tell."""
        return any(self.counts.values())
