"""What becomes of a connection whose refresh failed: only a dead grant ends it.

Envoy answers 401 to a dead refresh token and to a wrong client secret alike.  Where it gives no
reason that we know, the other connections decide: if one of them is served, it is the grant.
"""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
import structlog

from worker.backoff import BackOff
from worker.commands import command
from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.cool_down import RETRY_MAXIMUM
from worker.connections.tokens.refresh.lease import Lease, Leases
from worker.connections.tokens.refresh.lost_answers import is_recent
from worker.connections.usable.moves import move
from worker.connections.usable.rules import DEFAULT_HOLDS, hold
from worker.database import Database
from worker.errors import ClientRefused, EnvoyError, GrantDead, Throttled, TokenRefused

RETRIES = BackOff(5.0, 300.0)
MALFORMED_IN_A_ROW = 3
WAVE, WAVE_SHARE, WAVE_SECONDS = 5, 0.2, 600.0
CLIENT_HINT = "check ENVOY_CLIENT_ID and ENVOY_CLIENT_SECRET; no connection was ended"
LOST = "an answer of Envoy's was lost, and with it the grant, which is nobody's fault: "
MALFORMED_HINT = "check [envoy] token_url: what answers there does not speak OAuth2"

log = structlog.get_logger()


class Troubles:
    """Classifies failed refreshes, and stores and tells what follows."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        client: ClientStanding,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the parts; *clock* tells how old tokens are."""
        self._clock = clock
        self._database = database
        self._leases = leases
        self._client = client

    def settle(self, lease: Lease, failure: EnvoyError, *, doubtful: bool) -> None:
        """Store what a failed refresh means and give the lease back.

        *doubtful*: the token was also posted without an answer, so it may have been spent.
        """
        if isinstance(failure, ClientRefused):
            self._blame_client(lease, failure, doubtful)
        elif not isinstance(failure, GrantDead | TokenRefused):
            self._wait(lease, failure, doubtful)
        elif self._is_the_grant(lease, failure) and not self._is_wave(lease):
            self._end(lease, failure, doubtful)
        else:
            self._suspect(lease, failure, doubtful)

    def _end(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        lost = doubtful or is_recent(lease.row, lease.began)
        reason = "lost_rotation" if lost else "revoked_or_expired"
        ended = self._leases.give_back(
            lease,
            answered=not doubtful,
            status=ConnectionStatus.NEEDS_AUTHORISATION,
            status_reason=reason,
            refresh_error=failure.error_code,
        )
        if ended:
            log.error(
                "connection.needs_authorisation",
                connection=lease.row.name,
                error_code=reason,
                http_status=failure.http_status,
                hint=(LOST if lost else "")
                + f"the customer must authorise again: run `{command('connect', lease.row.name)}`",
            )

    def _blame_client(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        self._give_back(lease, failure, doubtful)
        if self._client.refused():
            self._tell(lease, failure, hint=CLIENT_HINT)

    def _suspect(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        """Hold the connection, once it has no valid token left; the next refresh may decide."""
        self._give_back(lease, failure, doubtful)
        if self._still_valid(lease):
            self._tell(lease, failure, hint=CLIENT_HINT)
            return
        move(
            self._database,
            lease.connection_id,
            lambda row, now: hold(row, now, HoldReason.UNAUTHORISED, DEFAULT_HOLDS.grown(row.hold_count)),
        )

    def _still_valid(self, lease: Lease) -> bool:
        expires_at = lease.row.access_expires_at
        return expires_at is not None and self._clock() < expires_at

    def _wait(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        self._give_back(lease, failure, doubtful)
        if isinstance(failure, Throttled):
            self._client.throttled(failure.retry_after)
        malformed = failure.error_code == "bad_token_answer"
        often = lease.row.refresh_failures + 1 >= MALFORMED_IN_A_ROW
        self._tell(lease, failure, hint=failure.hint or (MALFORMED_HINT if malformed and often else ""))

    def _give_back(self, lease: Lease, failure: EnvoyError, doubtful: bool) -> None:
        failures = lease.row.refresh_failures
        self._leases.give_back(
            lease,
            answered=not doubtful,
            refresh_error=failure.error_code,
            refresh_failures=failures + 1,
            refresh_retry_at=self._database.later(retry_seconds(failures, failure.retry_after)),
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

    def _is_the_grant(self, lease: Lease, failure: EnvoyError) -> bool:
        """Return whether it is surely this grant that is refused, and not our credentials."""
        if isinstance(failure, GrantDead) or self._client.has_served_another(lease.connection_id):
            return True
        refused_at = lease.row.refresh_started_at
        if lease.row.refresh_error != TokenRefused.default_code or refused_at is None:
            return False
        # A connection served between two refusals of this one proves that our credentials are fine; what
        # lies ahead was served by a clock that was wrong, and nobody knows when.
        between = (CONNECTIONS.c.refreshed_at > refused_at) & (
            CONNECTIONS.c.refreshed_at <= self._database.now()
        )
        served = (CONNECTIONS.c.id != lease.connection_id) & between
        with self._database.read() as connection:
            return bool(connection.execute(sa.select(sa.exists().where(served))).scalar())

    def _is_wave(self, lease: Lease) -> bool:
        """Return whether so many grants ended just now that the cause must be Envoy's."""
        own = CONNECTIONS.c
        dead = own.status == ConnectionStatus.NEEDS_AUTHORISATION
        just_now = own.updated_at.between(self._database.later(-WAVE_SECONDS), self._database.now())
        ended = sa.select(sa.func.count()).where(dead & just_now & own.refresh_token_enc.is_not(None))
        total = sa.select(sa.func.count()).where(own.refresh_token_enc.is_not(None))
        with self._database.read() as connection:
            number = connection.execute(ended.where(own.id != lease.connection_id)).scalar_one()
            return number >= max(WAVE, WAVE_SHARE * connection.execute(total).scalar_one())


def retry_seconds(failures: int, retry_after: float | None) -> float:
    """Return how long refreshing rests after a failure: full jitter, 5 to 300 s, and what Envoy asks."""
    return min(max(RETRIES.jittered(failures + 1), retry_after or 0.0), RETRY_MAXIMUM)
