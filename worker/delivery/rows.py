"""Read due rows: an invite and how it stands, as one value."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.connections.model import Connection
from worker.database import Database
from worker.invites import Attempt, Delivery, Invite, Status

CONNECTIONS = SQLModel.metadata.tables[str(Connection.__tablename__)]
INVITES = SQLModel.metadata.tables[str(Invite.__tablename__)]
DELIVERIES = SQLModel.metadata.tables[str(Delivery.__tablename__)]
ATTEMPTS = SQLModel.metadata.tables[str(Attempt.__tablename__)]

# Literals, not bound values: PostgreSQL's generic plans use a partial index only for a literal.
PENDING, SENDING, SENT, UNKNOWN, EXPIRED = (
    sa.literal_column(f"'{status}'", sa.Text())
    for status in (Status.PENDING, Status.SENDING, Status.SENT, Status.UNKNOWN, Status.EXPIRED)
)

Cursor = tuple[datetime, int]


class DueConnection(NamedTuple):
    """A connection that has something due."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class DueRow:
    """One invite that something is to be done about, as it stood when it was read."""

    delivery_id: int
    invite_id: int
    connection: str
    external_id: str
    revision: int
    fencing_token: int
    attempts: int
    deferrals: int
    next_attempt_at: datetime
    error_code: str | None
    envoy_invite_id: str | None
    sent_content: dict[str, Any] | None = field(repr=False)
    invitee_name: str = field(repr=False)
    invitee_email: str | None = field(repr=False)
    location: str | None
    flow: str | None
    host_employee_id: str | None
    host_email: str | None = field(repr=False)
    expected_arrival_at: datetime
    expected_departure_at: datetime | None
    notes: str | None = field(repr=False)
    custom_fields: dict[str, Any] | None = field(repr=False)
    send_email: bool
    wanted: str
    changed_at: datetime
    refused_at: datetime | None = None  # since when it is refused in the same way
    gone_at: datetime | None = None  # when Envoy was seen not to have it, since then
    absent_key: str | None = None  # what Envoy was seen not to have, since a restore
    weight: int = 0  # bytes of its JSON, as it is stored, and of its texts

    @property
    def cursor(self) -> Cursor:
        """The place of this row among the due ones of its connection."""
        return self.next_attempt_at, self.delivery_id


def due_connections(database: Database, *, only: str | None = None) -> Sequence[DueConnection]:
    """Return the connections that have something due, whatever their status."""
    with database.read() as reader:
        found = reader.execute(_due(database, only).order_by(CONNECTIONS.c.name))
        return [DueConnection(row.id, row.name) for row in found]


def is_anything_due(database: Database, *, only: str | None = None) -> bool:
    """Say whether some connection has something due."""
    with database.read() as reader:
        return reader.execute(_due(database, only).limit(1)).first() is not None


def _due(database: Database, only: str | None) -> sa.Select[tuple[int, str]]:
    due = DELIVERIES.c
    has_due = sa.exists().where(
        due.connection == CONNECTIONS.c.name,
        due.status == PENDING,
        due.next_attempt_at <= database.now(),
    )
    query = sa.select(CONNECTIONS.c.id, CONNECTIONS.c.name).where(has_due)
    return query if only is None else query.where(CONNECTIONS.c.name == only)


def skipping_locked(database: Database, ids: sa.Select[tuple[int]]) -> sa.Select[tuple[int]]:
    """Return the same without the rows that somebody else has locked: a caller's open transaction."""
    return ids if database.is_sqlite else ids.with_for_update(skip_locked=True)


def blocked(database: Database, *, only: str | None = None) -> set:
    """SHIM."""
    from worker.connections.holds import in_force
    from worker.connections.model import ENDED_BY_CONSENT
    from worker.connections.rows import look
    from worker.errors import ExitCode

    codes = set()
    for number, name in due_connections(database, only=only):
        row, now = look(database, number)
        if row is None or row.status == "removed":
            continue
        if row.status != "active":
            codes.add(ExitCode.NEEDS_AUTHORISATION)
        elif in_force(row, now):
            codes.add(
                ExitCode.NEEDS_AUTHORISATION if row.hold_reason in ENDED_BY_CONSENT else ExitCode.TRY_LATER
            )
    return codes
