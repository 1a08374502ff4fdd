"""The tables ``location`` and ``flow``: the directory of each connection, as last read from Envoy."""

from sqlmodel import Field, SQLModel


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
