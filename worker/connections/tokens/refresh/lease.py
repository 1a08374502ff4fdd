"""The right to refresh one connection, held by one thread of one process at a time.

A lease is taken by a conditional UPDATE, which is atomic on SQLite and on PostgreSQL alike.  It
outlives the longest refresh by far, ends by itself, and is void as soon as its process is dead.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.clock import boot_clock
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change, clock_of
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.refresh.lease_ends import LeaseEnds, signed
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.repeating import repeated
from worker.logs import add_secret


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
    began: datetime  # by the database's clock
    ends: float  # on the clock since boot, which counts suspension
    clock: Callable[[], float] = boot_clock

    @property
    def connection_id(self) -> int:
        """The connection's id."""
        return int(self.row.id or 0)

    @property
    def remaining(self) -> float:
        """Seconds until somebody else may take over."""
        return self.ends - self.clock()


class Leases:
    """Takes and gives back leases, in the name of one process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        owner: str,
        seconds: float,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Take none yet; *clock* counts from the host's boot."""
        self._database = database
        self._vault = vault
        self._owner = owner
        self._seconds = seconds
        self._clock = clock
        self._others = LeaseEnds(database, seconds=seconds, clock=clock)

    @repeated
    def take(self, row: Connection, now: datetime) -> Lease | None:
        """Return the lease of a connection that was just read, None if another has it.

        That the token is about to be posted is committed with it, so that a crash leaves a trace.

        Raises:
            TokenDamaged: the refresh token cannot be read.
        """
        if row.refresh_token_enc is None or not self._others.is_over(row, now):
            return None
        lease = self._lease(row, now)
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
                # The process that posted it before may have been killed before it could say so.
                **({"answer_lost_at": row.refresh_started_at} if lease.doubtful else {}),
            )
        return lease if taken else None

    @repeated
    def give_back(self, lease: Lease, *, answered: bool, **values: object) -> bool:
        """Store how the refresh failed and end the lease; return False where it had ended before.

        *answered*: the token was surely not spent, so the trace that `take` left goes.
        """
        values |= {"refresh_fingerprint": None} if answered else {"answer_lost_at": self._database.now()}
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

    def _lease(self, row: Connection, now: datetime) -> Lease:
        token = self._vault.open(row.refresh_token_enc, connection_id=int(row.id or 0), field="refresh")
        add_secret(token)
        ends = self._clock() + self._seconds
        return Lease(
            row=row,
            owner=signed(f"{self._owner}#{uuid.uuid4().hex}", ends),
            refresh_token=token,
            fingerprint=self._vault.fingerprint(token),
            doubtful=self._vault.matches(token, row.refresh_fingerprint),
            began=now,
            ends=ends,
            clock=self._clock,
        )
