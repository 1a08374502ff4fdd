"""How our own application stands with the token endpoint, as this process has seen it.

What Envoy has against the application concerns every connection at once, and ends none of them.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

REFUSED_SECONDS = 60.0
MOST_SECONDS = 3600.0
WITNESS_SECONDS = 900.0


class ClientStanding:
    """Successes and refusals of our credentials; shared by all threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Know of nothing yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._rest: tuple[datetime, float, str] | None = None
        self._alarmed = False
        self._served: dict[int, datetime] = {}

    def resting(self) -> str:
        """Return why nothing is refreshed for now, nothing where it may be."""
        rest = self._rest  # read once: another thread may end it
        if rest is None:
            return ""
        begun, seconds, reason = rest
        # A clock that was put back must not prolong it.
        return reason if timedelta() <= self._clock() - begun < timedelta(seconds=seconds) else ""

    def rest_seconds(self) -> float:
        """Return how long nothing is refreshed from now on, 0 where it may be."""
        rest = self._rest
        if rest is None or not self.resting():
            return 0.0
        begun, seconds, _ = rest
        return max(0.0, seconds - (self._clock() - begun).total_seconds())

    def served(self, connection_id: int) -> None:
        """Note that a connection was given tokens, so our credentials are good."""
        now = self._clock()
        with self._lock:
            self._rest, self._alarmed = None, False
            recent = {key: at for key, at in self._served.items() if _is_recent(at, now)}
            self._served = recent | {connection_id: now}

    def has_served_another(self, connection_id: int) -> bool:
        """Return whether another connection was given tokens within the last quarter of an hour."""
        now = self._clock()
        return any(_is_recent(at, now) for key, at in self._served.items() if key != connection_id)

    def refused(self) -> bool:
        """Let refreshing rest, since our credentials are refused; return whether that is news."""
        with self._lock:
            news = not self._alarmed
            self._rest = (self._clock(), REFUSED_SECONDS, "Envoy refuses our client credentials")
            self._alarmed = True
            return news

    def throttled(self, retry_after: float | None) -> None:
        """Let refreshing rest for as long as Envoy asks."""
        if retry_after:
            with self._lock:
                seconds = min(retry_after, MOST_SECONDS)
                self._rest = (self._clock(), seconds, "Envoy's token endpoint is rate limited")


def _is_recent(moment: datetime, now: datetime) -> bool:
    return timedelta() <= now - moment <= timedelta(seconds=WITNESS_SECONDS)
