"""Claim a row for one attempt: claim and intent are one commit, and it comes before the first byte."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worker.connections.holds import is_held
from worker.connections.model import ConnectionStatus, HoldReason
from worker.connections.outages import is_out
from worker.database import Database
from worker.database.owner import this_process
from worker.delivery.plan import Call
from worker.delivery.rows import (
    ATTEMPTS,
    CONNECTIONS,
    DELIVERIES,
    SENDING,
    UNKNOWN,
    DueRow,
    skipping_locked,
)
from worker.delivery.store.entries import Part, Waited
from worker.delivery.store.journal import Journal
from worker.delivery.store.seen import is_as_planned, seen_of
from worker.errors import NotSent
from worker.failpoints import failpoint
from worker.invites import Status
from worker.invites.restored import may_create


@dataclass(frozen=True, slots=True)
class Lease:
    """How long an attempt may take, in seconds."""

    seconds: float
    request_timeout: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt; ``attempt_id`` goes to Envoy as X-Request-Id."""

    attempt_id: str
    delivery_id: int
    fencing_token: int
    revision: int
    number: int
    write_before: float
    clock: Callable[[], float]

    def require_time(self) -> None:
        """Return if the whole request still fits into the lease.

        Raises:
            NotSent: it does not; somebody else may already take the row for abandoned.
        """
        if self.clock() > self.write_before:
            raise NotSent("the lease was too short for the request", error_code="lease_over")


class Claims(Part):
    """The claims of one run; their statements are built once, since building costs more than executing.

    *clock* counts the time that the host was suspended, too.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        *,
        host: str,
        lease: Lease,
        run_id: str,
        clock: Callable[[], float],
    ) -> None:
        """Build the statements."""
        self._database = database
        self._journal = journal
        self._lease = lease
        self._clock = clock
        free = _free(database, host)
        self._take = _take(database, free, lease.seconds)
        key = sa.bindparam("key", type_=sa.Text())
        created = free.where(~twin_in_doubt(key), may_create(key))
        self._take_unless_twin = _take(database, created, lease.seconds)
        self._intent = sa.insert(ATTEMPTS)
        self._fixed = {"run_id": run_id, "owner": this_process()}
        if not database.is_sqlite:
            self._take = _with_intent(database, self._take)
            self._take_unless_twin = _with_intent(database, self._take_unless_twin)
        else:
            self._intent = self._intent.values(started_at=database.now())

    def take(self, row: DueRow, call: Call, attempt_id: str, *, trial: bool = False) -> Claim | None:
        """Commit the intent and return the claim, or None where the row is not ours to send.

        It is not when it changed, was taken, its connection is held or has no grant (any more), Envoy's
        host does not answer, another row of equal content is in doubt, or Envoy may have it from before a
        restore.  *trial*: that Envoy refuses everyone is no hindrance.
        """
        failpoint("before_claim")
        wanted = _Wanted(self, row, call, attempt_id, clock=self._clock, trial=trial)
        self._journal.submit(wanted)
        wanted.wait()
        if wanted.token is None:
            return None
        failpoint("after_intent")
        return Claim(
            attempt_id=attempt_id,
            delivery_id=row.delivery_id,
            fencing_token=wanted.token,
            revision=row.revision,
            number=wanted.number,
            write_before=wanted.began + self._lease.seconds - self._lease.request_timeout - 1,
            clock=self._clock,
        )

    def write(self, connection: sa.Connection, entries: Sequence["_Wanted"]) -> None:
        """Take the rows, and write their intents; PostgreSQL does both in one statement."""
        for wanted in entries:
            statement = self._take if wanted.call.content_key is None else self._take_unless_twin
            values, intent = wanted.values(), self._fixed | wanted.intent()
            if self._database.is_sqlite:
                taken = connection.execute(statement, values).one_or_none()
                if taken is not None:
                    connection.execute(self._intent, intent | {"fencing_token": taken.fencing_token})
            else:
                entry = {f"intent_{name}": value for name, value in intent.items()}
                taken = connection.execute(statement, values | entry).one_or_none()
            wanted.token, wanted.number = (None, 0) if taken is None else taken


class _Wanted(Waited):
    """A claim that waits to be granted."""

    is_claim = True
    token: int | None = None
    number = 0
    began = 0.0

    def __init__(
        self,
        part: Claims,
        row: DueRow,
        call: Call,
        attempt_id: str,
        *,
        clock: Callable[[], float],
        trial: bool,
    ) -> None:
        super().__init__(part, row.delivery_id)
        self.row = row
        self.call = call
        self.attempt_id = attempt_id
        self._clock = clock
        self._trial = trial

    def begin(self) -> None:
        self.began = self._clock()  # before the lease begins, so that it errs early

    def failed(self, error: BaseException) -> None:
        if isinstance(error, sa.exc.IntegrityError):  # a twin went into doubt between our look and our commit
            self.token = None
            self.done()
        else:
            super().failed(error)

    def values(self) -> dict[str, Any]:
        """Return the values of what takes the row."""
        return {
            **seen_of(self.row), "name": self.row.connection, "attempt": self.attempt_id,
            "key": self.call.content_key, "content": self.call.meanwhile, "trial": self._trial,
        }  # fmt: skip

    def intent(self) -> dict[str, Any]:
        """Return its line of the ledger, but for the token."""
        return {
            "id": self.attempt_id, "delivery_id": self.row.delivery_id, "kind": self.call.kind.value,
            "revision": self.row.revision, "boot_seconds": self.began,
        }  # fmt: skip


def _free(database: Database, host: str) -> sa.Select[tuple[int]]:
    """Select the wanted row, if it still is as it was seen, and may be sent now."""
    own = DELIVERIES.c
    trial = sa.bindparam("trial", type_=sa.Boolean())
    tried = trial & (sa.func.coalesce(CONNECTIONS.c.hold_reason, "") == HoldReason.REFUSES_ALL)
    of_no_use = sa.exists().where(
        CONNECTIONS.c.name == sa.bindparam("name"),
        sa.or_(is_held(database) & ~tried, CONNECTIONS.c.status != ConnectionStatus.ACTIVE),
    )
    free = sa.select(own.id).where(
        is_as_planned(),
        own.next_attempt_at <= database.now(),
        ~of_no_use,
        ~is_out(host, trial=trial),
    )
    return skipping_locked(database, free)


def _take(database: Database, free: sa.Select[tuple[int]], lease_seconds: float) -> Any:  # noqa: ANN401 -- an UPDATE with RETURNING has no public type
    own = DELIVERIES.c
    return (
        sa.update(DELIVERIES)
        .where(own.id.in_(free))
        .values(
            status=Status.SENDING,
            fencing_token=own.fencing_token + 1,
            attempts=own.attempts + 1,
            attempt_id=sa.bindparam("attempt"),
            lease_owner=this_process(),
            lease_until=database.later(lease_seconds),
            content_key=sa.bindparam("key", type_=sa.Text()),
            restored_at=None,
            # Stored before the call is tried, for it may end in doubt.
            sent_content=sa.bindparam("content", type_=own.sent_content.type),
            updated_at=database.now(),
        )
        .returning(own.fencing_token, own.attempts)
    )


def _with_intent(database: Database, take: Any) -> sa.Executable:  # noqa: ANN401
    """Return the claim with its line of the ledger, as one statement."""
    taken = take.cte("taken")
    names = ("id", "delivery_id", "kind", "revision", "run_id", "owner", "boot_seconds")
    given = [sa.bindparam(f"intent_{name}", type_=ATTEMPTS.c[name].type) for name in names]
    entry = sa.select(*given, taken.c.fencing_token, database.now())
    intent = sa.insert(ATTEMPTS).from_select([*names, "fencing_token", "started_at"], entry)
    return sa.select(taken.c.fencing_token, taken.c.attempts).add_cte(intent.cte("intent"))


def twin_in_doubt(key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether another row of equal content is in doubt."""
    twin = DELIVERIES.alias("twin")
    doubtful = sa.or_(twin.c.status == SENDING, twin.c.status == UNKNOWN)
    return sa.exists().where(twin.c.content_key == key, doubtful)
