"""The tables ``invite`` (the caller's), ``delivery`` and ``attempt`` (the worker's)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from worker.database import StrictJson, Timestamp
from worker.invites.states import Status, Wanted

# Left out of an INSERT where it is None, so that the database's own default counts.
MADE_BY_DATABASE = {"server_default": sa.FetchedValue()}


class Invite(SQLModel, table=True):
    """One visit that shall exist in Envoy; the worker only reads it."""

    __tablename__ = "invite"

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    external_id: str
    invitee_name: str = Field(repr=False)
    invitee_email: str | None = Field(default=None, repr=False)
    location: str | None = None
    flow: str | None = None
    host_employee_id: str | None = None
    host_email: str | None = Field(default=None, repr=False)
    expected_arrival_at: datetime = Field(sa_type=Timestamp)
    expected_departure_at: datetime | None = Field(default=None, sa_type=Timestamp)
    notes: str | None = Field(default=None, repr=False)
    custom_fields: dict[str, Any] | None = Field(default=None, sa_type=StrictJson(), repr=False)
    send_email: bool = False
    wanted: str = Wanted.PRESENT
    cleared_at: datetime | None = Field(default=None, sa_type=Timestamp)  # personal data cleared by retention
    created_at: datetime | None = Field(default=None, sa_type=Timestamp, sa_column_kwargs=MADE_BY_DATABASE)
    updated_at: datetime | None = Field(default=None, sa_type=Timestamp, sa_column_kwargs=MADE_BY_DATABASE)


class Delivery(SQLModel, table=True):
    """How one invite stands with Envoy."""

    __tablename__ = "delivery"

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    external_id: str
    invite_id: int | None = None  # kept by the triggers; None if its invite is gone
    status: str = Status.PENDING
    revision: int = 1
    sent_revision: int | None = None
    attempts: int = 0
    deferrals: int = 0  # in a row; sets the back-off
    interruptions: int = 0  # attempts in a row whose process died
    # expired: the visit's end; unknown: the next look, None if only a person can decide
    next_attempt_at: datetime | None = Field(default=None, sa_type=Timestamp)
    envoy_invite_id: str | None = None
    approval_status: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    sent_at: datetime | None = Field(default=None, sa_type=Timestamp)
    unknown_since: datetime | None = Field(default=None, sa_type=Timestamp)
    look_ups: int = 0  # complete ones that found nothing, since it became unknown
    # What Envoy has; while there is no Envoy id, what the last create would have given it.
    sent_content: dict[str, Any] | None = Field(default=None, sa_type=StrictJson(), repr=False)
    fencing_token: int = 0  # raised by every attempt and by a person's verdict; 0 = never attempted
    attempt_id: str | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Timestamp)
    # While a refusal may not be its own: since when it is refused in the same way, and when Envoy was seen
    # not to have its invite.
    refused_at: datetime | None = Field(default=None, sa_type=Timestamp)
    gone_at: datetime | None = Field(default=None, sa_type=Timestamp)
    content_key: str | None = None  # only while a create is sending or unknown
    # After a restore: since when Envoy may have the invite for what was done and is not known here; and the
    # content key that Envoy was seen not to have.
    restored_at: datetime | None = Field(default=None, sa_type=Timestamp)
    absent_key: str | None = None
    created_at: datetime | None = Field(default=None, sa_type=Timestamp)
    updated_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Attempt(SQLModel, table=True):
    """One line of the ledger: append-only, but for the verdict, which is written once."""

    __tablename__ = "attempt"

    id: str = Field(primary_key=True)  # sent to Envoy as X-Request-Id
    delivery_id: int = Field(foreign_key="delivery.id")
    kind: str
    revision: int
    fencing_token: int
    run_id: str | None = None
    owner: str | None = None
    started_at: datetime = Field(sa_type=Timestamp)
    boot_seconds: float | None = None  # the same on the boot clock of the owner's host
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    verdict: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    detail: str | None = None
    envoy_invite_id: str | None = None
    refusal: str | None = None  # a digest of what Envoy said


class Restored(SQLModel, table=True):
    """One row while the database counts as restored from a backup, else none."""

    __tablename__ = "restored"

    id: int = Field(default=1, primary_key=True)
    since: datetime = Field(sa_type=Timestamp)


INVITES = SQLModel.metadata.tables[str(Invite.__tablename__)]
DELIVERIES = SQLModel.metadata.tables[str(Delivery.__tablename__)]
ATTEMPTS = SQLModel.metadata.tables[str(Attempt.__tablename__)]
RESTORED = SQLModel.metadata.tables[str(Restored.__tablename__)]

# An invite and its delivery.
JOINED = sa.and_(
    INVITES.c.connection == DELIVERIES.c.connection, INVITES.c.external_id == DELIVERIES.c.external_id
)
