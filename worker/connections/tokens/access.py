"""A valid access token for a connection, whatever it takes; the worker's only way to get one.

A refresh token works once.  So it is posted by one thread of one process at a time (a lease in the
connection's row), read from the row inside the lease, never kept in memory, and the new pair is
committed before anything uses it.
"""

import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

from worker.backoff import spread
from worker.clock import boot_clock
from worker.connections.damage import held_for
from worker.connections.model import Connection
from worker.connections.tokens.expiry import AccessToken
from worker.connections.tokens.idle import refresh_idle
from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.failures import Troubles
from worker.connections.tokens.refresh.lease import Leases
from worker.connections.tokens.refresh.pool import LOOK_EVERY, RefreshPool
from worker.connections.tokens.refresh.refresher import Refresher
from worker.connections.tokens.refresh.refresher import Wait as Pause
from worker.connections.tokens.refresh.saving import Pauses, Saver
from worker.connections.tokens.refresh.step import RefreshStep
from worker.connections.tokens.single_flight import Flights
from worker.connections.tokens.stored import StoredTokens, TokenRow
from worker.connections.vault import Vault
from worker.database import Database, utc_now
from worker.envoy.oauth import OAuth
from worker.errors import TokenDamaged, TryLater
from worker.report import Report
from worker.stopping import SLICE_SECONDS, Wait

__all__ = ["AccessToken", "BeingRefreshed", "Tokens"]

PATIENCE_SECONDS = 20.0
LEAST_LEASE_SECONDS = 75.0  # three posts with their pauses, and the save

Result = TypeVar("Result")


class BeingRefreshed(TryLater):
    """There is no token before ``refresh`` has ended; ``rejected_version`` is that of one Envoy refused."""

    def __init__(self, message: str, refresh: Future[AccessToken], rejected_version: int | None) -> None:
        """Take what will have the token."""
        super().__init__(message)
        self.refresh = refresh
        self.rejected_version = rejected_version


class Tokens:
    """Access tokens of all connections, shared by all threads of a process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        oauth: OAuth,
        *,
        owner: str,
        clock: Callable[[], datetime] = utc_now,
        stop: threading.Event | None = None,
        lease_seconds: float = 90,
        wait: Pause | None = None,
        pauses: Pauses | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        lease_clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Read nothing yet; *owner* is this process's name in leases.

        *clock* tells how old tokens are; cool-downs go by the database's, and leases by that and by
        *lease_clock*.  *patience_seconds* are for a refresh elsewhere.  For tests, *wait* stands between
        repeated posts, and *pauses* between repeated saves.
        """
        if lease_seconds < LEAST_LEASE_SECONDS:
            raise ValueError(f"a refresh may take {LEAST_LEASE_SECONDS} s, so the lease must be longer")
        self._database = database
        self._vault = vault
        self._stored = StoredTokens(database, vault, clock)
        self._stop = stop or threading.Event()
        self._closing = threading.Event()
        self._flights = Flights(self._stop)
        self._patience_seconds = patience_seconds
        self._saver = Saver(database, vault, stop=self._stop, pauses=pauses)
        leases = Leases(database, vault, owner=owner, seconds=lease_seconds, clock=lease_clock)
        client = ClientStanding(clock)
        refresher = Refresher(
            oauth,
            self._saver,
            Troubles(database, leases, client, clock=clock),
            client,
            clock=clock,
            stop=self._stop,
            wait=wait or self._pause,
        )
        self._step = RefreshStep(database, self._stored, leases, refresher, client, ends=self._is_ending)
        self._pool = RefreshPool(self._beside, ends=self._is_ending, patience_seconds=patience_seconds)

    def access(self, connection_id: int, *, rejected_version: int | None = None) -> AccessToken:
        """Return a token that should work, refreshed first if its end is near.

        *rejected_version* is that of a token which Envoy refused: it is refreshed once, unless the
        stored one is newer already.  While the old token is valid, trouble with a refresh is none
        of the caller's.

        Raises:
            NeedsAuthorisation: there is no grant, or it is dead, or what is stored of it cannot be read.
            TryLater: refreshing rests after a failure, or takes long elsewhere, or we are stopping.
            EnvoyError: the refresh failed, and there is no other token.
            KeysLost: nothing that is stored can be read.
        """
        self._saver.flush(connection_id)
        return self._held_if_damaged(connection_id, self._access, rejected_version)

    def at_hand(
        self,
        connection_id: int,
        *,
        rejected_version: int | None = None,
        seen: tuple[Connection, datetime] | None = None,
    ) -> AccessToken | Future[AccessToken]:
        """Return a token that is valid now, or else what will have one; wait for nothing but the database.

        One whose end is near is returned all the same, while its refresh begins beside it.  Where there is
        none, the future is that of the refresh in progress, for all who ask alike: it ends with the token,
        or with what `access` raises.  Its callbacks run in the refresher's thread and must be quick.

        *seen* is its row, and when that was read, of a caller who has just read it.

        Raises:
            NeedsAuthorisation, TryLater, KeysLost: as `access`, where that is known without a request.
        """
        is_newer = self._saver.flush(connection_id)

        def ask(connection_id: int, rejected_version: int | None) -> AccessToken | Future[AccessToken]:
            stored = self._stored
            row = stored.glance(connection_id) if seen is None or is_newer else stored.seen(*seen)
            return self._at_hand(row, rejected_version)

        return self._held_if_damaged(connection_id, ask, rejected_version)

    def soon(
        self,
        connection_id: int,
        *,
        rejected_version: int | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> AccessToken:
        """Return a token that is valid now, or wait for the one that its refresh beside gives.

        Raises:
            BeingRefreshed: that takes longer than *patience_seconds*.
            TryLater: as `access`.
            NeedsAuthorisation, EnvoyError, KeysLost: as `access`.
        """
        found = self.at_hand(connection_id, rejected_version=rejected_version)
        if isinstance(found, AccessToken):
            return found
        wait = Wait(self._stop, patience_seconds)
        while not futures.wait([found], min(wait.left(), SLICE_SECONDS)).done:  # a stop cannot wake it up
            if not wait.left():
                name = self._stored.glance(connection_id).name
                raise BeingRefreshed(f"{name}: its token is being refreshed", found, rejected_version)
        return found.result()

    def _at_hand(self, row: TokenRow, rejected_version: int | None) -> AccessToken | Future[AccessToken]:
        token = self._stored.valid(row, rejected_version)
        if token is not None and self._stored.is_fresh(row.id, token):
            return token
        if not row.has_refresh_token:
            return token or self._step.end(row)
        if hindrance := self._step.hindrance(row, row.read_at):
            if token is not None:
                return token
            raise hindrance
        refresh = self._pool.begin(
            row.id, row.name, rejected_version=rejected_version, is_awaited=token is None
        )
        return token or refresh

    def _access(self, connection_id: int, rejected_version: int | None) -> AccessToken:
        row = self._stored.glance(connection_id)
        token = self._stored.valid(row, rejected_version)
        if token is not None and self._stored.is_fresh(connection_id, token):
            return token
        with self._flights.enter(connection_id, seconds=0 if token else self._patience_seconds) as alone:
            if alone:
                return self._renewed(connection_id, rejected_version)
        if token is None:
            raise self._later(connection_id, "another thread is refreshing its token")
        return token

    @property
    def in_progress(self) -> int:
        """How many connections are being refreshed at this moment."""
        return len(self._flights)

    def close(self) -> None:
        """Begin no refresh any more, wait for those that are posted, and store what is not stored yet.

        Raises:
            DatabaseUnreachable, DiskFull: there still is a new refresh token in memory only.
        """
        self._closing.set()
        self._pool.close()
        self._saver.flush()

    def keep_fresh(self, *, max_idle: float, only: str | None = None) -> Report:
        """Refresh the grants that lay idle for *max_idle* seconds or a quarter of their life.

        Held and paused connections are refreshed too, or their grants would die by then.  Counts
        ``refreshed``, ``deferred``, ``failed`` and ``needs_authorisation``; *only* names one connection.
        """
        self._saver.flush()
        return refresh_idle(self._database, self.access, max_idle=max_idle, only=only, stop=self._stop)

    def _renewed(self, connection_id: int, rejected_version: int | None) -> AccessToken:
        """Return a token that this thread refreshed, or that another process did while this one waited."""
        began = boot_clock()
        while (token := self._step.take(connection_id, rejected_version)) is None:
            waited = boot_clock() - began
            # The pauses differ, to keep processes out of step.
            if waited >= self._patience_seconds or self._stop.wait(spread(*LOOK_EVERY)):
                raise self._later(connection_id, "another process is refreshing its token")
        return token

    def _beside(self, connection_id: int, rejected_version: int | None) -> AccessToken | None:
        """Take a step for the pool; None if another thread or process refreshes, and no token is valid."""
        return self._held_if_damaged(connection_id, self._beside_others, rejected_version)

    def _beside_others(self, connection_id: int, rejected_version: int | None) -> AccessToken | None:
        with self._flights.enter(connection_id, seconds=0) as alone:
            if not alone:
                return self._stored.valid(self._stored.glance(connection_id), rejected_version)
            self._saver.flush(connection_id)
            return self._step.take(connection_id, rejected_version)

    def _held_if_damaged(
        self, connection_id: int, ask: Callable[[int, int | None], Result], rejected_version: int | None
    ) -> Result:
        """Return what *ask* does; hold the connection where what is stored of it turns out to be damaged."""
        try:
            return ask(connection_id, rejected_version)
        except TokenDamaged:
            error = held_for(self._database, self._vault, connection_id)
        raise error

    def _is_ending(self) -> bool:
        return self._stop.is_set() or self._closing.is_set()

    def _pause(self, seconds: float) -> bool:
        """Wait between two posts of a token; return at once, and true, where the process is to end."""
        wait = Wait(self._stop, seconds)
        while not self._is_ending() and (left := wait.left()):
            self._stop.wait(min(left, SLICE_SECONDS))  # to be closed cannot wake it up
        return self._is_ending()

    def _later(self, connection_id: int, reason: str) -> TryLater:
        return TryLater(f"{self._stored.glance(connection_id).name}: {reason}")
