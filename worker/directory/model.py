"""The tables ``location`` and ``flow``, as last read from Envoy, and ``employee``: hosts once looked up."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from worker.database import StrictJson, Timestamp


class Location(SQLModel, table=True):
    """One of Envoy's sites."""

    __tablename__ = "location"

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    envoy_id: str = Field(primary_key=True)
    name: str
    enabled: bool
    timezone: str | None = None  # an IANA name


class Flow(SQLModel, table=True):
    """One of Envoy's visitor types; without a location it serves all of them."""

    __tablename__ = "flow"

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    envoy_id: str = Field(primary_key=True)
    name: str
    enabled: bool
    type: str | None = None
    location_id: str | None = None


class Employee(SQLModel, table=True):
    """What Envoy answered when a host was looked up; of no one's e-mail more than a digest is kept."""

    __tablename__ = "employee"

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    sought: str = Field(primary_key=True)  # a digest of what was sought
    found: list[dict[str, Any]] = Field(sa_type=StrictJson(), repr=False)  # id, location_ids, near
    read_at: datetime = Field(sa_type=Timestamp)


LOCATIONS = SQLModel.metadata.tables[str(Location.__tablename__)]
FLOWS = SQLModel.metadata.tables[str(Flow.__tablename__)]
EMPLOYEES = SQLModel.metadata.tables[str(Employee.__tablename__)]
