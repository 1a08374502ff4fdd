"""Look up what a connection adds to its invites: the zones of its locations, and its defaults."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.directory.entries import Location
from worker.directory.model import LOCATIONS
from worker.directory.resolve import name_key, zone_of


@dataclass(frozen=True, slots=True)
class Places:
    """What one connection's invites take from it: the zones of its locations, and its defaults."""

    default_location: str | None
    default_send_email: bool
    zones_by_id: Mapping[str, ZoneInfo | None]
    zones_by_name: Mapping[str, set[ZoneInfo | None]]

    def zone(self, location: str | None) -> ZoneInfo | None:
        """Return the zone of the location, None if it is not known, or its name has several."""
        wanted = (location or self.default_location or "").strip()
        if wanted in self.zones_by_id:
            return self.zones_by_id[wanted]
        zones = self.zones_by_name.get(name_key(wanted), set())
        return next(iter(zones)) if len(zones) == 1 else None


def look_up(connection: sa.Connection, name: str) -> Places | None:
    """Return the places of the connection *name*, None if there is no such connection."""
    own = CONNECTIONS.c
    query = sa.select(own.id, own.default_location, own.default_send_email).where(own.name == name)
    found = connection.execute(query).first()
    if found is None:
        return None
    by_id: dict[str, ZoneInfo | None] = {}
    by_name: dict[str, set[ZoneInfo | None]] = defaultdict(set)
    locations = sa.select(LOCATIONS).where(LOCATIONS.c.connection_id == found.id)
    for row in connection.execute(locations).mappings():
        location = Location(**row)
        by_id[location.envoy_id] = zone_of(location)
        by_name[name_key(location.name)].add(by_id[location.envoy_id])
    return Places(found.default_location, found.default_send_email, by_id, dict(by_name))


def default_send_email(name: str) -> sa.ColumnElement[bool]:
    """Return the expression for the connection's default; false where there is no such connection."""
    query = sa.select(CONNECTIONS.c.default_send_email).where(CONNECTIONS.c.name == name)
    return sa.func.coalesce(query.scalar_subquery(), sa.false())
