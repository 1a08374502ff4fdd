"""The locations and flows of a directory, as small as can be: a customer may have ten thousand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """One of Envoy's sites."""

    connection_id: int
    envoy_id: str
    name: str
    enabled: bool
    timezone: str | None = None  # an IANA name


@dataclass(frozen=True, slots=True)
class Flow:
    """One of Envoy's visitor types; without a location it serves all of them."""

    connection_id: int
    envoy_id: str
    name: str
    enabled: bool
    type: str | None = None
    location_id: str | None = None
