"""Claim a row for one attempt: claim and intent are one commit, and it comes before the first byte."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worker.connections.clauses import held
from worker.database import Database
from worker.database.owner import this_process
from worker.delivery.plan import Call
from worker.delivery.rows import ATTEMPTS, CONNECTIONS, DELIVERIES, PENDING, DueRow
from worker.errors import NotSent
from worker.invites import Status

IN_DOUBT: sa.ColumnElement[Any] = sa.literal_column(f"('{Status.SENDING}', '{Status.UNKNOWN}')")


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


def claim(
    database: Database,
    row: DueRow,
    call: Call,
    *,
    lease: Lease,
    run_id: str,
    clock: Callable[[], float],
) -> Claim | None:
    """Commit the intent and return the claim, or None where the row is not ours to send.

    It is not when it changed, was taken, its connection is held, or another row of equal content is in
    doubt.  *clock* counts suspension; it is read before the lease begins, so that it errs early.
    """
    attempt_id = uuid.uuid4().hex
    began = clock()
    try:
        with database.write() as connection:
            taken = connection.execute(_take(database, row, call, attempt_id, lease.seconds)).one_or_none()
            if taken is None:
                return None
            connection.execute(_intent(database, row, call, attempt_id, taken.fencing_token, run_id))
    except sa.exc.IntegrityError:  # a twin went into doubt between our look and our commit
        return None
    return Claim(
        attempt_id=attempt_id,
        delivery_id=row.delivery_id,
        fencing_token=taken.fencing_token,
        revision=row.revision,
        number=taken.attempts,
        write_before=began + lease.seconds - lease.request_timeout - 1,
        clock=clock,
    )


def _take(
    database: Database, row: DueRow, call: Call, attempt_id: str, lease_seconds: float
) -> sa.Executable:
    own = DELIVERIES.c
    free = sa.select(own.id).where(
        own.id == row.delivery_id,
        own.status == PENDING,
        own.revision == row.revision,
        own.fencing_token == row.fencing_token,
        own.next_attempt_at <= database.now(),
        ~_connection_held(database, row.connection),
    )
    if call.content_key is not None:
        free = free.where(~_twin_in_doubt(call.content_key))
    if not database.is_sqlite:
        # A caller's open transaction on this row must not make a sender wait.
        free = free.with_for_update(skip_locked=True)
    return (
        sa.update(DELIVERIES)
        .where(own.id.in_(free))
        .values(
            status=Status.SENDING,
            fencing_token=own.fencing_token + 1,
            attempts=own.attempts + 1,
            attempt_id=attempt_id,
            lease_owner=this_process(),
            lease_until=database.later(lease_seconds),
            content_key=call.content_key,
            updated_at=database.now(),
        )
        .returning(own.fencing_token, own.attempts)
    )


def _intent(
    database: Database, row: DueRow, call: Call, attempt_id: str, fencing_token: int, run_id: str
) -> sa.Insert:
    return sa.insert(ATTEMPTS).values(
        id=attempt_id,
        delivery_id=row.delivery_id,
        kind=call.kind,
        revision=row.revision,
        fencing_token=fencing_token,
        run_id=run_id,
        owner=this_process(),
        started_at=database.now(),
    )


def _twin_in_doubt(key: str) -> sa.ColumnElement[bool]:
    twin = DELIVERIES.alias("twin")
    return sa.exists().where(twin.c.content_key == key, twin.c.status.in_(IN_DOUBT))


def _connection_held(database: Database, name: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(CONNECTIONS.c.name == name, held(database))

