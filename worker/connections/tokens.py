"""A valid access token for a connection, whatever it takes; the worker's only way to get one.

A refresh token works once.  So it is posted by one thread of one process at a time (a lease in the
connection's row), read from the row inside the lease, never kept in memory, and the new pair is
committed before anything uses it.
"""

import random
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from worker.connections.client import ClientStanding
from worker.connections.damage import held_for
from worker.connections.expiry import AccessToken
from worker.connections.flights import Flights
from worker.connections.idle import refresh_idle
from worker.connections.leases import Leases
from worker.connections.refresh_step import RefreshStep
from worker.connections.refresher import Refresher
from worker.connections.refresher import Wait
from worker.connections.saving import Pauses, Saver
from worker.connections.stored import StoredTokens
from worker.connections.troubles import Troubles
from worker.connections.vault import Vault
from worker.database import Database, utc_now
from worker.envoy.clock import boot_clock
from worker.envoy.oauth import OAuth
from worker.errors import TokenDamaged, TryLater
from worker.report import Report

__all__ = ["AccessToken", "Tokens"]

PATIENCE_SECONDS = 20.0
LOOK_EVERY = (0.05, 0.25)
LEAST_LEASE_SECONDS = 75.0  # three posts with their pauses, and the save

Result = TypeVar("Result")


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
            wait=wait,
        )
        self._step = RefreshStep(database, self._stored, leases, refresher, client, ends=self._is_ending)

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
        return refresh_idle(self._database, self.access, max_idle=max_idle, only=only, stop=self._stop)

    def _renewed(self, connection_id: int, rejected_version: int | None) -> AccessToken:
        """Return a token that this thread refreshed, or that another process did while this one waited."""
        began = boot_clock()
        while (token := self._step.take(connection_id, rejected_version)) is None:
            waited = boot_clock() - began
            # The pauses differ, to keep processes out of step.
            if waited >= self._patience_seconds or self._stop.wait(random.uniform(*LOOK_EVERY)):  # noqa: S311
                raise self._later(connection_id, "another process is refreshing its token")
        return token

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
        return self._stop.is_set()

    def _later(self, connection_id: int, reason: str) -> TryLater:
        return TryLater(f"{self._stored.glance(connection_id).name}: {reason}")
