"""Store a new pair of tokens: in a transaction of its own, before anything uses it, whatever it takes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from worker.clock import boot_clock
from worker.connections.company import note_company
from worker.connections.model import CONNECTIONS
from worker.connections.rows import change
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.expiry import DEFAULT_LIFETIME
from worker.connections.tokens.refresh.lease import Lease
from worker.connections.tokens.refresh.lost_answers import is_outlived
from worker.connections.usable.moves import announce_another_company
from worker.connections.usable.rules import NOT_WAITING
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS
from worker.database.repeating import repeated
from worker.envoy.tokens import TokenAnswer

SAVE_SECONDS, SAVE_SECONDS_STOPPING = 20.0, 5.0
PAUSE_SECONDS = 0.5
CLOCK_SLACK = 60.0  # between this host's clock and Envoy's

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pauses:
    """What a save that failed waits by before the next one; a pair in hand is saved even while we stop."""

    clock: Callable[[], float] = boot_clock
    wait: Callable[[float], object] = time.sleep


@dataclass(frozen=True, slots=True)
class Pair:
    """What the token endpoint gave for a lease, and when it was asked."""

    lease: Lease
    answer: TokenAnswer = field(repr=False)
    sent_at: datetime
    lost: bool = False  # an answer before this one, to the same token

    @property
    def expires_at(self) -> datetime:
        """The end of the access token's life; early rather than late, for it counts from the sending."""
        life = self.answer.expires_in or self.lease.row.lifetime_seconds or DEFAULT_LIFETIME
        return self.sent_at + timedelta(seconds=life)


class Saver:
    """Stores pairs; one that the database would not take is kept, and stored as soon as it does.

    A kept pair is never posted to Envoy from here, so it cannot go stale: it is stored, or it turns
    out that the connection has moved on.
    """

    def __init__(
        self, database: Database, vault: Vault, *, stop: threading.Event, pauses: Pauses | None = None
    ) -> None:
        """Keep nothing yet."""
        self._database = database
        self._vault = vault
        self._stop = stop
        self._pauses = pauses or Pauses()
        self._unsaved: dict[int, Pair] = {}
        self._lock = threading.Lock()

    def save(self, pair: Pair) -> None:
        """Store a pair, trying for 20 seconds (5 once the process is to stop).

        Raises:
            DatabaseUnreachable, DiskFull: it is kept in memory for `flush`.
        """
        begun = self._pauses.clock()
        while (failure := self._try(pair)) is not None:
            if self._pauses.clock() - begun > self._patience():
                self._keep(pair)
                raise failure
            self._pauses.wait(PAUSE_SECONDS)

    def flush(self, connection_id: int | None = None) -> bool:
        """Store what was kept for a connection, or for all; say whether there was any.

        Raises:
            DatabaseUnreachable, DiskFull: it is kept further.
        """
        with self._lock:
            kept = [pair for key, pair in self._unsaved.items() if connection_id in {None, key}]
        for pair in kept:
            self._store(pair)
            with self._lock:
                self._unsaved.pop(pair.lease.connection_id, None)
        return bool(kept)

    def _try(self, pair: Pair) -> Exception | None:
        try:
            self._store(pair)
        except DATABASE_ERRORS as error:
            return error
        return None

    def _store(self, pair: Pair) -> None:
        is_another = self._write(pair)
        _announce(pair)
        if is_another:
            announce_another_company(pair.lease.row.name, pair.answer.company_id)

    def _patience(self) -> float:
        return SAVE_SECONDS_STOPPING if self._stop.is_set() else SAVE_SECONDS

    def _keep(self, pair: Pair) -> None:
        with self._lock:
            self._unsaved[pair.lease.connection_id] = pair
        log.error(
            "token.refresh_failed",
            connection=pair.lease.row.name,
            error_code="token_not_saved",
            fingerprint=pair.lease.fingerprint,
            hint="repair the database before this process ends: it has the only copy of a new refresh token",
        )

    @repeated
    def _write(self, pair: Pair) -> bool:
        """Store a pair; say whether it is another company's, so that the connection is held now."""
        lease, values = pair.lease, self._values(pair)
        same_grant = (
            (CONNECTIONS.c.id == lease.row.id)
            & (CONNECTIONS.c.token_version == lease.row.token_version)
            & (CONNECTIONS.c.status != ConnectionStatus.REMOVED)
        )
        mine = same_grant & (CONNECTIONS.c.lease_owner == lease.owner)
        with self._database.write() as connection:
            # Overtaken?  While the row still has the token that we spent, ours is the living pair:
            # also where somebody else was refused with the spent one and called the grant dead.
            stored = change(connection, mine, **values, lease_owner=None, lease_until=None) or change(
                connection, same_grant, **values
            )
            return stored and note_company(connection, lease.row, pair.answer.company_id)

    def _values(self, pair: Pair) -> dict[str, object]:
        lease, answer = pair.lease, pair.answer
        values: dict[str, object] = {
            "status": ConnectionStatus.ACTIVE,
            "status_reason": None,
            "access_token_enc": self._seal(lease, answer.access_token, "access"),
            "access_issued_at": pair.sent_at,
            "access_expires_at": pair.expires_at,
            "lifetime_seconds": answer.expires_in or lease.row.lifetime_seconds,
            "token_version": lease.row.token_version + 1,
            **CLEARED,
            **NOT_WAITING,
            **self._doubt(pair),
            "refreshed_at": self._database.now(),
            "updated_at": self._database.now(),
        }
        # Without a refresh token in the answer the old one stays (RFC 6749 section 6).
        if answer.refresh_token:
            values["refresh_token_enc"] = self._seal(lease, answer.refresh_token, "refresh")
            values["refresh_expires_at"] = None
        if answer.refresh_expires_in:
            values["refresh_expires_at"] = pair.sent_at + timedelta(seconds=answer.refresh_expires_in)
        return values

    def _doubt(self, pair: Pair) -> dict[str, object]:
        if pair.lost:
            return {"answer_lost_at": self._database.now()}
        return {"answer_lost_at": None} if is_outlived(pair.lease.row, pair.lease.began) else {}

    def _seal(self, lease: Lease, token: str, name: str) -> str:
        return self._vault.seal(token, connection_id=lease.connection_id, field=name)


# What a success wipes out.
CLEARED: dict[str, object] = {
    "refresh_started_at": None,
    "refresh_fingerprint": None,
    "refresh_error": None,
    "refresh_failures": 0,
    "refresh_retry_at": None,
}


def _announce(pair: Pair) -> None:
    name, server_time = pair.lease.row.name, pair.answer.server_time
    if server_time is not None and abs((server_time - pair.sent_at).total_seconds()) > CLOCK_SLACK:
        log.warning(
            "token.refreshed",
            connection=name,
            error_code="clock_skew",
            hint="this host's clock and Envoy's differ by more than a minute: check time synchronisation",
        )
    else:
        log.info("token.refreshed", connection=name)
