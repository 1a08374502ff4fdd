"""What becomes of a connection whose refresh failed: only a dead grant ends it.

Envoy answers 401 to a dead refresh token and to a wrong client secret alike.  Where it gives no
reason that we know, the other connections decide: if one of them is served, it is the grant.
"""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from worker.connections.holds import DEFAULT_HOLD_SECONDS, grown, hold, move
from worker.connections.leases import RETRY_MAXIMUM, Lease, Leases
from worker.connections.model import ConnectionStatus, HoldReason
from worker.connections.rows import CONNECTIONS
from worker.database import Database
from worker.errors import ClientRefused, EnvoyError, GrantDead, TokenRefused

RETRY_LEAST, RETRY_MOST = 5.0, 300.0
CLIENT_PAUSE = 60.0
WITNESS_SECONDS = 900.0
MALFORMED_IN_A_ROW = 3
CLIENT_HINT = "check ENVOY_CLIENT_ID and ENVOY_CLIENT_SECRET; no connection was ended"
MALFORMED_HINT = "check [envoy] token_url: what answers there does not speak OAuth2"

log = structlog.get_logger()


class Troubles:
    """Classifies failed refreshes, and stores and tells what follows."""

    def __init__(self, database: Database, leases: Leases, *, clock: Callable[[], datetime]) -> None:
        """Know of no trouble yet."""
        self._database = database
        self._leases = leases
        self._clock = clock
        self._lock = threading.Lock()
        self._client_refused_at: datetime | None = None
        self._witnesses: dict[int, datetime] = {}

    def client_is_refused(self) -> bool:
        """Say whether refreshing rests because Envoy has just refused our own credentials."""
        refused_at = self._client_refused_at
        if refused_at is None:
            return False
        return timedelta() <= self._clock() - refused_at < timedelta(seconds=CLIENT_PAUSE)

    def over(self, connection_id: int) -> None:
        """Note a success: our credentials are good."""
        now = self._clock()
        with self._lock:
            self._client_refused_at = None
            recent = {key: at for key, at in self._witnesses.items() if _is_recent(at, now)}
            self._witnesses = recent | {connection_id: now}

    def settle(self, lease: Lease, failure: EnvoyError, *, doubtful: bool) -> None:
        """Store what a failed refresh means and give the lease back.

        *doubtful*: the token was also posted without an answer, so it may have been spent.
        """
        if isinstance(failure, ClientRefused):
            self._blame_client(lease, failure, doubtful)
        elif isinstance(failure, GrantDead):
            self._end(lease, failure, doubtful)
        elif not isinstance(failure, TokenRefused):
            self._wait(lease, failure, doubtful)
        elif self._others_are_served(lease):
            self._end(lease, failure, doubtful)
        else:
            self._suspect(lease, failure, doubtful)

    def _end(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        reason = "lost_rotation" if doubtful else "revoked_or_expired"
        ended = self._leases.give_back(
            lease,
            answered=not doubtful,
            status=ConnectionStatus.NEEDS_AUTHORISATION,
            status_reason=reason,
            refresh_error=failure.error_code,
        )
        if ended:
            name = lease.row.name
            log.error(
                "connection.needs_authorisation",
                connection=name,
                error_code=reason,
                http_status=failure.http_status,
                hint=f"the customer must authorise again: run `envoy-worker connect {name}`",
            )

    def _blame_client(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        self._give_back(lease, failure, doubtful)
        with self._lock:
            known = self._client_refused_at is not None
            self._client_refused_at = self._clock()
        if not known:
            self._tell(lease, failure, hint=CLIENT_HINT)

    def _suspect(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        self._give_back(lease, failure, doubtful)
        expires_at = lease.row.access_expires_at
        if expires_at is not None and self._clock() < expires_at:
            self._tell(lease, failure, hint=CLIENT_HINT)
            return
        move(
            self._database,
            lease.connection_id,
            lambda row, now: hold(
                row, now, HoldReason.UNAUTHORISED, grown(row.hold_count, DEFAULT_HOLD_SECONDS)
            ),
        )

    def _wait(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        self._give_back(lease, failure, doubtful)
        malformed = failure.error_code == "bad_token_answer"
        often = lease.row.refresh_failures + 1 >= MALFORMED_IN_A_ROW
        self._tell(lease, failure, hint=failure.hint or (MALFORMED_HINT if malformed and often else ""))

    def _give_back(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        failures = lease.row.refresh_failures
        seconds = retry_seconds(failures, failure.retry_after)
        self._leases.give_back(
            lease,
            answered=not doubtful,
            refresh_error=failure.error_code,
            refresh_failures=failures + 1,
            refresh_retry_at=self._database.read_now() + timedelta(seconds=seconds),
        )

    def _tell(self, lease: Lease, failure: EnvoyError, *, hint: str) -> None:
        fields = {
            "connection": lease.row.name,
            "error_code": failure.error_code,
            "http_status": failure.http_status,
        }
        if hint:
            log.error("token.refresh_failed", **fields, hint=hint)
        else:
            log.warning("token.refresh_failed", **fields)

    def _others_are_served(self, lease: Lease) -> bool:
        """Say whether our credentials served another connection of late, or since our last refusal."""
        now, ours = self._clock(), lease.connection_id
        with self._lock:
            if any(_is_recent(at, now) for key, at in self._witnesses.items() if key != ours):
                return True
        refused_at = lease.row.refresh_started_at
        if lease.row.refresh_error != TokenRefused.default_code or refused_at is None:
            return False
        served = (CONNECTIONS.c.id != ours) & (CONNECTIONS.c.refreshed_at > refused_at)
        query = sa.select(sa.exists().where(served))
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())


def retry_seconds(failures: int, retry_after: float | None) -> float:
    """Return how long refreshing rests after a failure: full jitter, 5 to 300 s, and what Envoy asks."""
    most = min(RETRY_MOST, RETRY_LEAST * 2 ** min(failures + 1, 32))
    waited = max(RETRY_LEAST, random.uniform(0, most))  # noqa: S311 -- spreads load, guards nothing
    return min(max(waited, retry_after or 0.0), RETRY_MAXIMUM)


def _is_recent(moment: datetime, now: datetime) -> bool:
    return timedelta() <= now - moment <= timedelta(seconds=WITNESS_SECONDS)
