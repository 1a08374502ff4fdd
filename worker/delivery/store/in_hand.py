"""The verdicts of this process that are not stored, nor told: what is lost if it ends now."""

import threading

from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.store.claims import Claim

_lock = threading.Lock()
_verdicts: dict[str, tuple[DueRow, Claim, Outcome]] = {}


def take(row: DueRow, claim: Claim, outcome: Outcome) -> None:
    """Take a verdict in hand."""
    with _lock:
        _verdicts[claim.attempt_id] = (row, claim, outcome)


def let_go(claim: Claim) -> None:
    """Let go of the verdict of a claim: it is stored, or was told."""
    with _lock:
        _verdicts.pop(claim.attempt_id, None)


def verdicts() -> list[tuple[DueRow, Claim, Outcome]]:
    """Return all that are in hand."""
    with _lock:
        return list(_verdicts.values())
