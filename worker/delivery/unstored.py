"""The verdicts in hand that are not stored yet: what must be printed if the process is ended now."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from worker.delivery import events
from worker.delivery.claim import Claim
from worker.delivery.outcomes import Outcome
from worker.delivery.rows import DueRow

_lock = threading.Lock()
_in_hand: dict[str, tuple[DueRow, Claim, Outcome]] = {}


@contextmanager
def kept(row: DueRow, claim: Claim, outcome: Outcome) -> Iterator[None]:
    """Keep a verdict in hand while it is being stored."""
    with _lock:
        _in_hand[claim.attempt_id] = (row, claim, outcome)
    try:
        yield
    finally:
        with _lock:
            del _in_hand[claim.attempt_id]


def print_all() -> None:
    """Emit every verdict in hand, with Envoy's id, for a person to settle."""
    with _lock:
        left = list(_in_hand.values())
    for row, claim, outcome in left:
        events.unstored(row, claim, outcome)
