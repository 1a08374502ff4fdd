"""What a caller says of one visit, checked: the same rules for files and for Python calls."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from worker.errors import InputError
from worker.intake.fields.cells import Reader, email, one_of, required, switch, text
from worker.intake.fields.custom_fields import custom_fields
from worker.intake.fields.times import is_local, moment, refuse_disorder, settled
from worker.intake.problems import Collector
from worker.invites.bounds import LONGEST
from worker.invites.states import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvite:
    """One visit as the caller wants it; a time without a zone is local to the location.

    Of a visit that is there already only the columns that were ``said`` count.  Whether Envoy mails the
    visitor is None if the connection's default decides.
    """

    connection: str
    external_id: str
    invitee_name: str = field(repr=False)
    invitee_email: str | None = field(default=None, repr=False)
    location: str | None = None
    flow: str | None = None
    host_employee_id: str | None = None
    host_email: str | None = field(default=None, repr=False)
    expected_arrival_at: datetime
    expected_departure_at: datetime | None = None
    notes: str | None = field(default=None, repr=False)
    custom_fields: dict[str, str] | None = field(default=None, repr=False)
    send_email: bool | None = None
    wanted: str = Wanted.PRESENT
    said: frozenset[str]

    def values(self) -> dict[str, Any]:
        """Return the columns of the table ``invite`` that are the caller's, as a new row has them."""
        return {name: getattr(self, name) for name in FIELDS}

    def changes(self) -> dict[str, Any]:
        """Return what a row that is there already gets: the columns that were said."""
        return {name: getattr(self, name) for name in FIELDS if name in self.said}


FIELDS: tuple[str, ...] = tuple(column.name for column in fields(NewInvite) if column.name != "said")
MOST_UNKNOWN = 3
COLUMN_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
REQUIRED = ("connection", "external_id", "invitee_name", "expected_arrival_at")
# A visit that is named again is wanted again.
ALWAYS_SAID = frozenset({*REQUIRED, "wanted"})
READERS: dict[str, Reader[object]] = {
    "connection": required(text(100)),
    "external_id": required(text(255)),
    "invitee_name": required(text(LONGEST["invitee_name"])),
    "invitee_email": email,
    "location": text(LONGEST["location"]),
    "flow": text(LONGEST["flow"]),
    "host_employee_id": text(LONGEST["host_employee_id"]),
    "host_email": email,
    "expected_arrival_at": required(moment),
    "expected_departure_at": moment,
    "notes": text(LONGEST["notes"]),
    "custom_fields": custom_fields,
    "send_email": switch,
    "wanted": one_of(*Wanted),
}


def parse(values: Mapping[str, object]) -> NewInvite:
    """Return the visit that these columns describe.

    A column that is missing was not said; one that is blank was said to be empty.

    Raises:
        InputErrors: all that is wrong with the row, at once.
    """
    collector = Collector()
    found: dict[str, Any] = {}
    # A few of them tell enough: a line may hold thousands.
    for name in islice((name for name in values if name not in READERS), MOST_UNKNOWN):
        with collector:
            _refuse_unknown(name)
    said = ALWAYS_SAID.union(name for name in values if name in READERS)
    for name, reader in READERS.items():
        if name in said:
            with collector:
                found[name] = reader(name, values.get(name))
    with collector:
        refuse_disorder(found.get("expected_arrival_at"), found.get("expected_departure_at"))
    collector.raise_any()
    return NewInvite(**found, said=said)


def needs_place(invite: NewInvite) -> bool:
    """Return whether its times are those of the clock at a place of which nothing is said."""
    return "location" not in invite.said and has_local_time(invite)


def has_local_time(invite: NewInvite) -> bool:
    """Return whether a time needs the location's zone."""
    times = (invite.expected_arrival_at, invite.expected_departure_at)
    return any(time is not None and is_local(time) for time in times)


def settle(invite: NewInvite, zone: ZoneInfo | None) -> NewInvite:
    """Return the visit with its times in UTC; *zone* is the location's, None if it is not known.

    Raises:
        InputErrors: a time has no zone and needs one, does not exist there, or the departure comes first.
    """
    collector = Collector()
    found: dict[str, Any] = {}
    for name in ("expected_arrival_at", "expected_departure_at"):
        with collector:
            found[name] = settled(name, getattr(invite, name), zone)
    with collector:
        refuse_disorder(found.get("expected_arrival_at"), found.get("expected_departure_at"))
    collector.raise_any()
    return replace(invite, **found)


def with_default(invite: NewInvite, *, send_email: bool) -> NewInvite:
    """Return the visit with the connection's default where the caller said nothing."""
    return replace(invite, send_email=send_email) if invite.send_email is None else invite


def nearest(name: str) -> str:
    """Return what to do about a column that does not exist: the nearest name, else all of them."""
    near = difflib.get_close_matches("_".join(name.casefold().split()), FIELDS, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"


def _refuse_unknown(name: str) -> None:
    # Only what looks like a column's name is shown: anything else may be a person's.
    shown = name if COLUMN_LIKE.fullmatch(name) else ""
    raise InputError(shown, "is no column of an invite", code="column_unknown", hint=nearest(shown))
