"""The attempts of this process that are not settled: what must be told if the process ends now."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from worker.delivery import events
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.store import in_hand
from worker.delivery.store.claims import Claim

_lock = threading.Lock()
_attempting = 0
_left = 0


@contextmanager
def attempting() -> Iterator[None]:
    """Count an attempt while it is being made, and again while its consequences are drawn."""
    global _attempting  # noqa: PLW0603 -- of the process, as its end is
    with _lock:
        _attempting += 1
    try:
        yield
    finally:
        with _lock:
            _attempting -= 1


def tell(row: DueRow, claim: Claim, outcome: Outcome) -> None:
    """Print a verdict that could not be stored, for a person to settle."""
    global _left  # noqa: PLW0603 -- as above
    with _lock:
        _left += 1
    events.unstored(row, claim, outcome)
    in_hand.let_go(claim)


def left() -> int:
    """Return how many verdicts were told since they could not be stored."""
    return _left


def in_progress() -> int:
    """Return how many attempts are being made, or felt, at this moment."""
    return _attempting


def print_all() -> None:
    """Emit every verdict in hand, with Envoy's id, for a person to settle."""
    for row, claim, outcome in in_hand.verdicts():
        tell(row, claim, outcome)
