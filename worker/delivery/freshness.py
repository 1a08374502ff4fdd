"""What a lane may believe for a moment, so that not every attempt asks the database again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.connections.tokens import AccessToken

BELIEVED_SECONDS = 5.0
BELIEVED_SHARE = 0.05  # of a token's life, where that is shorter
NEWS_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Freshness:
    """The access token last seen, and when a success was last told.

    Whether the connection is held, removed or needs authorisation is never believed: the claim asks in
    its own transaction.
    """

    clock: Callable[[], float]
    _token: AccessToken | None = None
    _until: float = 0.0
    _told_at: float = float("-inf")

    def token(self) -> AccessToken | None:
        """Return the token while it may be believed."""
        return self._token if self.clock() < self._until else None

    def keep(self, token: AccessToken) -> AccessToken:
        """Believe in a token that was just read."""
        believed = min(BELIEVED_SECONDS, BELIEVED_SHARE * _life(token.issued_at, token.expires_at))
        self._token, self._until = token, self.clock() + believed
        return token

    def forget(self) -> None:
        """Believe nothing any more: something went wrong."""
        self._until = 0.0
        self._told_at = float("-inf")

    def success_is_news(self) -> bool:
        """Say whether a success should be told: after trouble at once, else once a second."""
        now = self.clock()
        if now - self._told_at < NEWS_EVERY_SECONDS:
            return False
        self._told_at = now
        return True


def _life(issued_at: datetime, expires_at: datetime) -> float:
    return (expires_at - issued_at) / timedelta(seconds=1)
