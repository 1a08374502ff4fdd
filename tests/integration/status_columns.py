"""What a delivery has in each status, as the database demands: for tests that put one there by SQL."""

from itertools import count
from typing import Any

PAST = "2020-01-01T00:00:00.000Z"
IDS = count(90_000_001)  # an Envoy id belongs to one invite


def standing(status: str, **given: Any) -> dict[str, Any]:
    """Return the columns of a delivery of that status; those that are given win."""
    needed: dict[str, dict[str, Any]] = {
        "pending": {"next_attempt_at": PAST},
        "sending": {"attempt_id": "a-1", "lease_owner": "somebody", "lease_until": PAST},
        "sent": {"envoy_invite_id": str(next(IDS)), "sent_revision": 1},
        "unknown": {"attempt_id": "a-1"},
        "withdrawn": {"envoy_invite_id": None},
        "expired": {"envoy_invite_id": None},
    }
    return {"status": status, **needed.get(status, {}), **given}


def completed(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns to be written, with what their status needs where one is among them."""
    return standing(**columns) if "status" in columns else columns
