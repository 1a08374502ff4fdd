"""A valid access token for a connection, whatever it takes; the worker's only way to get one.

A refresh token works once.  So it is posted by one thread of one process at a time (a lease in the
connection's row), read from the row inside the lease, never kept in memory, and the new pair is
committed before anything uses it.
"""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NoReturn

from worker.connections import spent
from worker.connections.client import ClientStanding
from worker.connections.damage import held_for
from worker.connections.expiry import AccessToken
from worker.connections.flights import Flights
from worker.connections.idle import idle_grants
from worker.connections.leases import Lease, Leases, is_cooling
from worker.connections.model import Connection
from worker.connections.refresher import Refresher, Wait
from worker.connections.saving import Pauses, Saver
from worker.connections.stored import StoredTokens
from worker.connections.troubles import CLIENT_HINT, Troubles
from worker.connections.vault import Vault
from worker.database import Database, utc_now
from worker.envoy.clock import boot_clock
from worker.envoy.oauth import OAuth
from worker.errors import (
    DatabaseUnreachable,
    DiskFull,
    EnvoyError,
    GrantDead,
    NeedsAuthorisation,
    TokenDamaged,
    TokenRefused,
    TryLater,
)
from worker.report import Report

__all__ = ["AccessToken", "Tokens"]

PATIENCE_SECONDS = 20.0
LEAST_LEASE_SECONDS = 75.0  # three posts with their pauses, and the save
LOOK_EVERY = (0.05, 0.25)


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
        wait: Wait | None = None,
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
        self._flights = Flights(self._stop)
        self._leases = Leases(database, vault, owner=owner, seconds=lease_seconds, clock=lease_clock)
        self._patience_seconds = patience_seconds
        self._saver = Saver(database, vault, stop=self._stop, pauses=pauses)
        self._client = ClientStanding(clock)
        self._refresher = Refresher(
            oauth,
            self._saver,
            Troubles(database, self._leases, self._client, clock=clock),
            self._client,
            clock=clock,
            stop=self._stop,
            wait=wait,
        )

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
        try:
            return self._access(connection_id, rejected_version)
        except TokenDamaged:
            error = held_for(self._database, self._vault, connection_id)
        raise error

    def _access(self, connection_id: int, rejected_version: int | None) -> AccessToken:
        row = self._stored.glance(connection_id)
        token = self._stored.valid(row, rejected_version)
        if token is not None and self._stored.is_fresh(connection_id, token):
            return token
        with self._flights.enter(connection_id, seconds=0 if token else self._patience_seconds) as alone:
            if alone:
                return self._renewed(connection_id, rejected_version)
        return token or self._later(row.name, "another thread is refreshing its token")

    def at_hand(self, connection_id: int, *, rejected_version: int | None = None):
        return self.access(connection_id, rejected_version=rejected_version)

    @property
    def in_progress(self) -> int:
        """How many connections are being refreshed at this moment."""
        return len(self._flights)

    def save_pending(self) -> None:
        """Store what the database would not take before; to be called once more before the process ends.

        Raises:
            DatabaseUnreachable, DiskFull: there still is a new refresh token in memory only.
        """
        self._saver.flush()

    def keep_fresh(self, *, max_idle: float, only: str | None = None) -> Report:
        """Refresh the grants that lay idle for *max_idle* seconds or a quarter of their life.

        Held and paused connections are refreshed too, or their grants would die meanwhile.  Counts
        ``refreshed``, ``deferred``, ``failed`` and ``needs_authorisation``; *only* names one connection.
        """
        self._saver.flush()
        report = Report()
        for connection_id, _name, version in idle_grants(self._database, max_idle=max_idle, only=only):
            if self._stop.is_set():
                break
            self._refresh_idle(connection_id, version, report)
        return report

    def _renewed(self, connection_id: int, rejected_version: int | None) -> AccessToken:
        """Return a token that this thread refreshed, or that another process did meanwhile."""
        token: AccessToken | None = None
        for row, now in self._looks(connection_id):
            token = self._stored.valid(row, rejected_version)
            if token is not None and self._stored.is_fresh(connection_id, token):
                return token
            if row.refresh_token_enc is None:  # it came from a backup, and was taken for spent
                if token is None:
                    self._stored.open(row)  # what cannot be read is not known to be over
                    raise spent.end(self._database, row)
                return token
            if reason := self._resting(row, now):
                return token or self._later(row.name, reason)
            lease = self._leases.take(row, now)
            if lease is not None:
                return self._refreshed(lease, rejected_version)
            if token is not None:
                return token
        return self._later(row.name, "another process is refreshing its token")

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
            return self._later(row.name, "Envoy refuses to refresh its token", hint=CLIENT_HINT)
        assert failure is not None  # noqa: S101 -- without a failure there is a token
        raise failure

    def _looks(self, connection_id: int) -> Iterator[tuple[Connection, datetime]]:
        """Read the row, and again every now and then, for as long as it makes sense to wait."""
        begun = boot_clock()
        yield self._stored.look(connection_id)
        while boot_clock() - begun < self._patience_seconds:
            if self._stop.wait(random.uniform(*LOOK_EVERY)):  # noqa: S311 -- keeps processes out of step
                return
            yield self._stored.look(connection_id)

    def _resting(self, row: Connection, now: datetime) -> str:
        """Return why no refresh is begun now, nothing where one may be."""
        if self._stop.is_set():
            return "the worker is stopping"
        if is_cooling(row, now):
            return f"its last refresh failed ({row.refresh_error})"
        return self._client.resting()

    def _later(self, name: str, reason: str, *, hint: str = "") -> NoReturn:
        raise TryLater(f"{name}: {reason}", hint=hint)

    def _refresh_idle(self, connection_id: int, version: int, report: Report) -> None:
        try:
            self.access(connection_id, rejected_version=version)
        except (DatabaseUnreachable, DiskFull):
            raise
        except (NeedsAuthorisation, TryLater, EnvoyError) as error:
            report.add(_OUTCOMES.get(type(error), "failed"))
            report.trouble(error.exit_code)
        else:
            report.add("refreshed")


_OUTCOMES = {NeedsAuthorisation: "needs_authorisation", TryLater: "deferred"}
