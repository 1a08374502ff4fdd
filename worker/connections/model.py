"""The table ``connection``: one customer's grant, how it stands, and its pace."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from worker.connections.states import ConnectionStatus
from worker.database import StrictJson, Timestamp


def _kept(kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """Return a column that nobody but the database writes."""
    return sa.Column(kind, sa.FetchedValue(), server_onupdate=sa.FetchedValue())


class Connection(SQLModel, table=True):
    """One customer's grant to our external application."""

    __tablename__ = "connection"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    status: str = ConnectionStatus.NEEDS_AUTHORISATION
    status_reason: str | None = None
    company_id: str | None = None
    scopes: str | None = None  # as asked for at consent, space separated
    can_read_invites: bool | None = None
    reading_refused_at: datetime | None = Field(default=None, sa_type=Timestamp)

    access_token_enc: str | None = Field(default=None, repr=False)
    refresh_token_enc: str | None = Field(default=None, repr=False)
    access_issued_at: datetime | None = Field(default=None, sa_type=Timestamp)
    access_expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    lifetime_seconds: float | None = None
    refresh_expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    refreshed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    token_version: int = 0  # raised by every new pair

    lease_owner: str | None = None  # who refreshes now
    lease_until: datetime | None = Field(default=None, sa_type=Timestamp)
    lease_watched: str | None = None  # a lease that looked odd, and when those who saw it take it for over
    refresh_started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    refresh_fingerprint: str | None = None  # of the refresh token last posted
    refresh_error: str | None = None
    refresh_failures: int = 0
    refresh_retry_at: datetime | None = Field(default=None, sa_type=Timestamp)
    answer_lost_at: datetime | None = Field(default=None, sa_type=Timestamp)  # of a refresh, when last lost

    held_until: datetime | None = Field(default=None, sa_type=Timestamp)  # None: until a person acts
    held_since: datetime | None = Field(default=None, sa_type=Timestamp)  # or prolonged
    hold_reason: str | None = None
    hold_count: int = 0
    also_paused: bool = False  # beneath a hold for a person that is no pause
    also_paused_until: datetime | None = Field(default=None, sa_type=Timestamp)
    forbidden_count: int = 0
    unauthorised_count: int = 0
    refused_version: int | None = None  # of the token that Envoy last refused
    pace_per_second: float | None = None
    pace_next_at: datetime | None = Field(default=None, sa_type=Timestamp)
    waits_until: datetime | None = Field(default=None, sa_type=Timestamp)
    waits_since: datetime | None = Field(default=None, sa_type=Timestamp)
    waits_for: str | None = None  # WaitReason

    # Kept by the database, from status, hold and wait: no matter who writes, they agree.  See `usable`.
    usable_from: datetime | None = Field(default=None, sa_column=_kept(Timestamp()))
    usable_since: datetime | None = Field(default=None, sa_column=_kept(Timestamp()))  # of what keeps it
    unusable_reason: str | None = Field(default=None, sa_column=_kept(sa.Text()))

    # Asked at that moment, and answered by 2xx: the location list, and an invite that is known to be there.
    probed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    known_read_at: datetime | None = Field(default=None, sa_type=Timestamp)

    default_location: str | None = None
    default_flow: str | None = None
    default_custom_fields: dict[str, Any] | None = Field(default=None, sa_type=StrictJson(), repr=False)
    default_send_email: bool = False
    directory_refreshed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime | None = Field(default=None, sa_type=Timestamp)
    updated_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Host(SQLModel, table=True):
    """One host of Envoy's, and how it stands for all connections together."""

    __tablename__ = "host"

    name: str = Field(primary_key=True)
    hold_count: int = 0  # outages in a row; 0: it answers
    held_until: datetime | None = Field(default=None, sa_type=Timestamp)
    held_since: datetime | None = Field(default=None, sa_type=Timestamp)
    probe_owner: str | None = None  # who asks whether it answers again
    probe_until: datetime | None = Field(default=None, sa_type=Timestamp)
    # While it refuses every row of every customer alike: one request at a time, and not before this moment.
    refused_until: datetime | None = Field(default=None, sa_type=Timestamp)
    refused_since: datetime | None = Field(default=None, sa_type=Timestamp)  # of this hold, not of all
    refused_count: int = 0  # such holds in a row
    refusal: str | None = None  # a digest of what it says
    refusals_from: datetime | None = Field(default=None, sa_type=Timestamp)  # older ones do not count
    # Envoy's clock as an answer's Date told it, and the database's at that moment.
    envoy_time: datetime | None = Field(default=None, sa_type=Timestamp)
    envoy_time_seen_at: datetime | None = Field(default=None, sa_type=Timestamp)
    # Kept by the database, from the two.
    usable_from: datetime | None = Field(default=None, sa_column=_kept(Timestamp()))
    unusable_reason: str | None = Field(default=None, sa_column=_kept(sa.Text()))


CONNECTIONS = SQLModel.metadata.tables[str(Connection.__tablename__)]
HOSTS = SQLModel.metadata.tables[str(Host.__tablename__)]
