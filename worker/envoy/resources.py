"""What Envoy's API gives, as values: parsed leniently, since answers may lack any optional field.

A text that a database would refuse (NUL, lone surrogates) is repaired; an item without a usable id
is None.
"""

import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from worker.envoy.identifiers import identifier

Json = dict[str, object]

# Stands for a place whose id is unusable: who belongs there only does not belong everywhere.
NO_PLACE_OF_OURS = "?"
MOST_PLACES = 10_000  # of one employee: as many as a list of locations may have
MOST_NAME = 1_000  # letters of a name that is kept: no caller can mean one that is longer

# Fields of which many items have the same; each such text is in memory once.
SHARED = frozenset({"timezone", "type", "company_id", "location_id", "approval_status"})

# Envoy documents APPROVED, PENDING, AWAITING_REVIEW and DENIED; a new word is taken as it comes.
_WORD = re.compile(r"[A-Za-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Location:
    """A site of the customer; ``timezone`` is an IANA name."""

    id: str
    name: str
    enabled: bool
    timezone: str | None
    company_id: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A visitor type at a location; at every location where ``location_id`` is None."""

    id: str
    name: str
    enabled: bool
    type: str | None
    location_id: str | None


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody who can be a host."""

    id: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    location_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite as Envoy has it; times are in UTC, None if absent or unreadable."""

    id: str
    approval_status: str | None
    created_at: datetime | None
    expected_arrival_at: datetime | None
    location_id: str | None
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    notes: str | None = field(repr=False)
    filled: frozenset[str] = frozenset()  # those fields that may be empty and are not
    empty: frozenset[str] = frozenset()  # those that are shown, and are


def location(item: Json) -> Location | None:
    """Return the location in *item*."""
    key = identifier(item.get("id"))
    if key is None:
        return None
    return Location(
        key,
        _name(item),
        _enabled(item),
        shared(_text(item.get("timezone"))),
        shared(identifier(item.get("companyId"))),
    )


def flow(item: Json) -> Flow | None:
    """Return the flow in *item*."""
    key = identifier(item.get("id"))
    if key is None:
        return None
    shown = item.get("locationId")
    place = identifier(shown)
    if place is None and shown not in (None, ""):
        return None  # without its location it would serve every one
    return Flow(key, _name(item), _enabled(item), shared(_text(item.get("type"))), shared(place))


def employee(item: Json) -> Employee | None:
    """Return the employee in *item*."""
    key = identifier(item.get("id"))
    if key is None:
        return None
    listed = item.get("locationIds")
    places = [place for place in listed if place not in (None, "")] if isinstance(listed, list) else []
    return Employee(
        key,
        _name(item),
        _text(item.get("email")) or "",
        tuple(identifier(place) or NO_PLACE_OF_OURS for place in places[:MOST_PLACES]),
    )


def invite(item: Json) -> Invite | None:
    """Return the invite in *item*; its secretToken is never taken up."""
    key = identifier(item.get("id"))
    if key is None:
        return None
    invitee = item.get("invitee")
    person: Json = invitee if isinstance(invitee, dict) else {}
    optional = _optional(item, person)
    filled = _set_of(tuple(name for name, value in optional.items() if value))
    return Invite(
        id=key,
        approval_status=shared(_word(item.get("approvalStatus"))),
        created_at=instant(item.get("createdAt")),
        expected_arrival_at=instant(item.get("expectedArrivalAt")),
        location_id=shared(identifier(item.get("locationId"))),
        name=_text(person.get("name")),
        email=_text(person.get("email")),
        notes=_text(item.get("notes")),
        filled=filled,
        empty=_set_of(tuple(name for name, value in optional.items() if not value)),
    )


def shared(text: str | None) -> str | None:
    """Return the one copy of a text that many items have; it goes with the last of them."""
    return None if text is None else sys.intern(text)


@cache
def _set_of(names: tuple[str, ...]) -> frozenset[str]:
    """Return the set of some fields' names, one for all invites that have the same."""
    return frozenset(names)


def _optional(item: Json, person: Json) -> Json:
    """Return the fields that may be empty, as far as they are shown, by their names in an update."""
    shown: Json = {
        name: item[name] for name in ("expectedDepartureAt", "notes", "customFields") if name in item
    }
    host: Json = {"hostEmployeeId": item["host"]} if "host" in item else {}
    email: Json = {"invitee.email": person["email"]} if "email" in person else {}
    return {**shown, **host, **email}


def instant(value: object) -> datetime | None:
    """Return a time in UTC; a time without zone is taken for UTC, as Envoy documents them."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isascii() and "\x00" not in value:
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _name(item: Json) -> str:
    return (_text(item.get("name")) or "")[:MOST_NAME]


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _enabled(item: Json) -> bool:
    return item.get("enabled") is not False
