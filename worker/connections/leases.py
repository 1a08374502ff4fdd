"""The right to refresh one connection, held by one thread of one process at a time.

A lease is taken by a conditional UPDATE, which is atomic on SQLite and on PostgreSQL alike.  It
outlives the longest refresh by far, ends by itself, and is void as soon as its process is dead.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.connections.model import Connection, ConnectionStatus
from worker.connections.rows import CONNECTIONS, change, clock_of, lies_ahead
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.owner import is_dead
from worker.database.repeating import repeated
from worker.envoy.clock import boot_clock
from worker.logs import add_secret

RETRY_MAXIMUM = 3600.0  # no cool-down is longer


@dataclass(frozen=True, slots=True)
class Lease:
    """One hold of the lease, and the refresh token as it was when the lease began.

    ``doubtful``: this very token was posted before, and it is not known what came of it.
    """

    row: Connection = field(repr=False)
    owner: str
    refresh_token: str = field(repr=False)
    fingerprint: str
    doubtful: bool
    ends: float  # on the boot clock, which counts suspension

    @property
    def connection_id(self) -> int:
        """The connection's id."""
        return int(self.row.id or 0)

    @property
    def remaining(self) -> float:
        """Seconds until somebody else may take over."""
        return self.ends - boot_clock()


class Leases:
    """Takes and gives back leases, in the name of one process."""

    def __init__(self, database: Database, vault: Vault, *, owner: str, seconds: float) -> None:
        """Take none yet."""
        self._database = database
        self._vault = vault
        self._owner = owner
        self._seconds = seconds

    @repeated
    def take(self, row: Connection, now: datetime) -> Lease | None:
        """Return the lease of a connection that was just read, None where another has it.

        That the token is about to be posted is committed with it, so that a crash leaves a trace.
        """
        if not row.refresh_token_enc or not self._is_free(row, now):
            return None
        lease = self._lease(row)
        with self._database.write() as connection:
            start = clock_of(connection, self._database)
            taken = change(
                connection,
                # Nothing that the decision rests on may have changed since the row was read.
                (CONNECTIONS.c.id == row.id)
                & (CONNECTIONS.c.status == ConnectionStatus.ACTIVE)
                & (CONNECTIONS.c.token_version == row.token_version)
                & CONNECTIONS.c.lease_owner.is_not_distinct_from(row.lease_owner)
                & CONNECTIONS.c.refresh_retry_at.is_not_distinct_from(row.refresh_retry_at),
                lease_owner=lease.owner,
                lease_until=start + timedelta(seconds=self._seconds),
                refresh_started_at=start,
                refresh_fingerprint=lease.fingerprint,
            )
        return lease if taken else None

    @repeated
    def give_back(self, lease: Lease, *, answered: bool, **values: object) -> bool:
        """Store how the refresh failed and end the lease; return False where it had ended before.

        *answered*: the token was surely not spent, so the trace that `take` left goes.
        """
        if answered:
            values["refresh_fingerprint"] = None
        with self._database.write() as connection:
            return change(
                connection,
                (CONNECTIONS.c.id == lease.row.id)
                & (CONNECTIONS.c.lease_owner == lease.owner)
                & (CONNECTIONS.c.token_version == lease.row.token_version),
                lease_owner=None,
                lease_until=None,
                updated_at=self._database.now(),
                **values,
            )

    def _is_free(self, row: Connection, now: datetime) -> bool:
        held = row.lease_owner is not None and lies_ahead(row.lease_until, now, self._seconds)
        return not held or is_dead(str(row.lease_owner).partition("#")[0])

    def _lease(self, row: Connection) -> Lease:
        token = self._vault.open(str(row.refresh_token_enc), connection_id=int(row.id or 0), field="refresh")
        add_secret(token)
        return Lease(
            row=row,
            owner=f"{self._owner}#{uuid.uuid4().hex}",
            refresh_token=token,
            fingerprint=self._vault.fingerprint(token),
            doubtful=self._vault.matches(token, row.refresh_fingerprint),
            ends=boot_clock() + self._seconds,
        )


def is_cooling(row: Connection, now: datetime) -> bool:
    """Say whether refreshing rests after a failure."""
    return lies_ahead(row.refresh_retry_at, now, RETRY_MAXIMUM, since=row.refresh_started_at)
