"""One step towards a valid token: refresh it, or see what hinders that; it never waits for anybody."""

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from worker.connections.model import Connection
from worker.connections.tokens.expiry import AccessToken
from worker.connections.tokens.refresh import spent
from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.cool_down import cooling_seconds
from worker.connections.tokens.refresh.failures import CLIENT_HINT
from worker.connections.tokens.refresh.lease import Lease, Leases
from worker.connections.tokens.refresh.refresher import Refresher
from worker.connections.tokens.stored import StoredTokens, TokenRow
from worker.database import Database
from worker.errors import GrantDead, TokenRefused, TryLater


class RefreshStep:
    """Takes such steps; what it decides by is read from the row each time."""

    def __init__(
        self,
        database: Database,
        stored: StoredTokens,
        leases: Leases,
        refresher: Refresher,
        client: ClientStanding,
        *,
        ends: Callable[[], bool],
    ) -> None:
        """Once *ends* is true, no refresh is begun."""
        self._database = database
        self._stored = stored
        self._leases = leases
        self._refresher = refresher
        self._client = client
        self._ends = ends

    def take(self, connection_id: int, rejected_version: int | None) -> AccessToken | None:
        """Refresh once if need be; None while another process does, and there is no token until then.

        Raises:
            NeedsAuthorisation, TryLater, EnvoyError: there is no token, and none to come for now.
        """
        row, now = self._stored.look(connection_id)
        token = self._stored.valid(row, rejected_version)
        if token is not None and self._stored.is_fresh(connection_id, token):
            return token
        if row.refresh_token_enc is None:
            return token or self.end(row)
        if hindrance := self.hindrance(row, now):
            if token is not None:
                return token
            raise hindrance
        lease = self._leases.take(row, now)
        return token if lease is None else self._refreshed(lease, rejected_version)

    def hindrance(self, row: TokenRow | Connection, now: datetime) -> TryLater | None:
        """Return why no refresh is begun now, None if one may be; *now* is the database's time."""
        if self._ends():
            return _try_later(row.name, "the worker is stopping")
        if seconds := cooling_seconds(row, now):
            return _try_later(row.name, f"its last refresh failed ({row.refresh_error})", seconds=seconds)
        if reason := self._client.resting():
            return _try_later(row.name, reason, seconds=self._client.rest_seconds())
        return None

    def end(self, row: TokenRow | Connection) -> NoReturn:
        """End a grant that came from a backup, was taken for spent, and has no valid token any more.

        Raises:
            NeedsAuthorisation: in any case.
        """
        self._stored.open(row)  # what cannot be read is not known to be over
        raise spent.end(self._database, row)

    def _refreshed(self, lease: Lease, rejected_version: int | None) -> AccessToken:
        failure = self._refresher.refresh(lease)
        row, _ = self._stored.look(lease.connection_id)
        token = self._stored.valid(row, rejected_version)
        # A token whose life is shorter than its refresh took is still the newest there is.
        if token is None and failure is None:
            token = self._stored.open(row)
        if token is not None:
            return token
        if isinstance(failure, TokenRefused | GrantDead):
            raise _try_later(row.name, "Envoy refuses to refresh its token", hint=CLIENT_HINT)
        assert failure is not None  # noqa: S101 -- without a failure there is a token
        raise failure


def _try_later(name: str, reason: str, *, hint: str = "", seconds: float | None = None) -> TryLater:
    error = TryLater(f"{name}: {reason}", hint=hint)
    error.retry_after = seconds
    return error
