"""How long tokens live, and when a new one is due: arithmetic only."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.database.ahead import age

DEFAULT_LIFETIME = 86_400.0  # as Envoy's API reference has it
MOST_MARGIN, MARGIN_SHARE = 900.0, 0.2
MOST_JITTER, JITTER_SHARE = 600.0, 0.1


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What opens Envoy's API for one connection, for a while."""

    value: str = field(repr=False)
    version: int
    issued_at: datetime
    expires_at: datetime

    def is_young(self, now: datetime) -> bool:
        """Return whether less than half its life is over; a refusal of a young token is no expiry."""
        half = (self.expires_at - self.issued_at) / 2
        return timedelta() <= now - self.issued_at < half


def refresh_point(issued_at: datetime, expires_at: datetime, connection_id: int) -> datetime:
    """Return when a token is to be replaced: ahead of its end by a share of its life.

    The share is jittered by the connection, so that customers who connected together do not
    refresh together; the same connection always gets the same share.
    """
    life = (expires_at - issued_at).total_seconds()
    margin = min(MOST_MARGIN, MARGIN_SHARE * life)
    jitter = _fraction(connection_id) * min(MOST_JITTER, JITTER_SHARE * life)
    return expires_at - timedelta(seconds=margin + jitter)


def is_fresh(issued_at: datetime, expires_at: datetime, connection_id: int, now: datetime) -> bool:
    """Return whether a token needs no successor yet.

    One that seems to have more life ahead than it was given was issued by a wrong clock: it gets
    a successor, too.
    """
    if age(issued_at, now) is None:
        return False
    return now < refresh_point(issued_at, expires_at, connection_id)


def _fraction(connection_id: int) -> float:
    digest = hashlib.sha256(str(connection_id).encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32
