"""Decide what is to be done about a due row; pure but for the host, and shared by push and dry run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from worker.commands import command
from worker.connections.model import Connection
from worker.delivery import clears, fit
from worker.delivery.content import blank_to_none, content_key, content_of
from worker.delivery.custom_fields import custom_fields
from worker.delivery.due import DueRow
from worker.delivery.sent_content import (
    Content,
    changes,
    in_the_old_place,
    is_asked_for,
    is_moved,
    while_removing,
    while_updating,
    without_place,
)
from worker.directory import Directory
from worker.directory.entries import Flow, Location
from worker.directory.resolve import zone_of
from worker.errors import InputError
from worker.invites import Kind, Status, Wanted
from worker.invites.bounds import require_bounded
from worker.invites.personal import is_cleared

LAST_ZONE_ON_EARTH = timezone(timedelta(hours=-12))


@dataclass(frozen=True, slots=True)
class Call:
    """Envoy must be called: ``body`` is sent, ``content`` is what Envoy then has.

    ``content_in_flight`` is stored as Envoy's content before the call, and stays if its outcome is in doubt.
    """

    kind: Kind
    body: Content = field(default_factory=dict, repr=False)
    content: Content | None = field(default=None, repr=False)
    content_key: str | None = None
    content_in_flight: Content | None = field(default=None, repr=False)
    rest: bool = False  # it asks whether the invite is there, and leaves out a place that Envoy may not have
    left_out: frozenset[str] = frozenset()  # fields that it does not empty, since Envoy refused that


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing has to be sent: the row is finished as it is."""

    status: Status
    error_code: str | None = None
    error_detail: str | None = None
    visit_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookFirst:
    """Envoy may have it from before a restore: it is looked up by this content before it may be created."""

    content: Content = field(repr=False)
    content_key: str


Plan = Call | Settled | LookFirst
HostOf = Callable[[DueRow, Location], str | None]


def plan(
    row: DueRow,
    directory: Directory,
    connection: Connection,
    *,
    host_of: HostOf,
    now: datetime,
    marker: bool = False,
    restored: bool = False,
) -> Plan:
    """Return what is to be done; *marker* puts words of ours into the notes.

    *restored*: the database comes from a backup, and Envoy may have what has no id here.  *host_of* is asked
    last, since it may have to ask Envoy: only for a row whose all else is right.

    Raises:
        InputError: the row names what is not in the directory, or what cannot be sent.
    """
    looks_first = restored and row.envoy_invite_id is None
    if row.wanted == Wanted.ABSENT:
        found = _look_first_unwanted(row, directory, connection, now, marker=marker) if looks_first else None
        return found or _unwanted(row)
    departure = row.expected_departure_at
    if row.envoy_invite_id is None and departure is not None and departure < now:
        return Settled(Status.EXPIRED, visit_end=departure)
    require_bounded(row)
    location = _location(row, directory, connection)
    end = departure or end_of_day(row.expected_arrival_at, location)
    if row.envoy_invite_id is None and end < now:
        return Settled(Status.EXPIRED, visit_end=end)
    _require_visitor(row)
    if looks_first and (first := _look_first(row, location, marker=marker)):
        return first
    content = _content(row, directory, connection, location, host_of=host_of, marker=marker)
    return update_or_create(row, content)


def _content(
    row: DueRow,
    directory: Directory,
    connection: Connection,
    location: Location,
    *,
    host_of: HostOf,
    marker: bool,
) -> Content:
    """Return what Envoy shall have, once all of it may be sent."""
    flow = _flow(row, directory, connection, location)
    flow_id, flow_name = (flow.envoy_id, flow.name) if flow else (None, None)
    fields = custom_fields(row.custom_fields, connection.default_custom_fields, flow_name=flow_name)
    before = _before(row)
    fit.require_fit_visit(row, fields, before, defaults=connection.default_custom_fields, marker=marker)
    return content_of(
        row,
        location_id=location.envoy_id,
        flow_id=flow_id,
        custom_fields=fields,
        host_id=fit.host(row, before, lambda: host_of(row, location)),
        marker=marker,
    )


def end_of_day(arrival: datetime, location: Location) -> datetime:
    """Return the end of the arrival's day at the location; unknown zone: the last place on Earth's."""
    local = arrival.astimezone(zone_of(location) or LAST_ZONE_ON_EARTH)
    return local.replace(hour=23, minute=59, second=59, microsecond=0, fold=1)


def _unwanted(row: DueRow) -> Plan:
    if row.envoy_invite_id is None:
        return Settled(Status.WITHDRAWN)
    return Call(Kind.REMOVE, content_in_flight=while_removing(row.sent_content))


def _look_first(row: DueRow, location: Location, *, marker: bool) -> LookFirst | None:
    """Return the look that must come before a create, None if Envoy was seen not to have it."""
    content = content_of(
        row, location_id=location.envoy_id, flow_id=None, host_id=None, custom_fields=None, marker=marker
    )
    key = content_key(row.connection, content)
    return None if key == row.absent_key else LookFirst(content, key)


def _look_first_unwanted(
    row: DueRow, directory: Directory, connection: Connection, now: datetime, *, marker: bool
) -> LookFirst | None:
    """Return the look that must come before a row counts as not wanted and not there."""
    try:
        location = directory.location(_wanted_location(row, connection))  # not judged: nothing is sent
        _require_visitor(row)
    except InputError:  # it says nothing that could be looked for
        return None
    over = (row.expected_departure_at or end_of_day(row.expected_arrival_at, location)) < now
    return None if over else _look_first(row, location, marker=marker)


def _location(row: DueRow, directory: Directory, connection: Connection) -> Location:
    wanted = _wanted_location(row, connection)
    held = (_before(row) or {}).get("locationId")
    own = blank_to_none(row.location) is not None
    return fit.place("location", wanted, held, directory.location, own=own)


def _wanted_location(row: DueRow, connection: Connection) -> str:
    wanted = blank_to_none(row.location) or blank_to_none(connection.default_location)
    if wanted is None:
        raise InputError(
            "location",
            "no location is given, and the connection has no default",
            code="location_missing",
            hint=command("connections set", row.connection, then="--default-location NAME"),
        )
    return wanted


def _flow(row: DueRow, directory: Directory, connection: Connection, location: Location) -> Flow | None:
    own = blank_to_none(row.flow)
    wanted = own or blank_to_none(connection.default_flow)
    if wanted is None:
        return None
    held = (_before(row) or {}).get("flowId")
    return fit.place("flow", wanted, held, lambda name: directory.flow(name, location), own=own is not None)


def _before(row: DueRow) -> Content | None:
    """Return what Envoy has, None if it has nothing of the row: what a lost create said is not there."""
    return row.sent_content if row.envoy_invite_id is not None else None


def _require_visitor(row: DueRow) -> None:
    """Refuse a row that was cleared, and then changed in part: Envoy would lose the visitor's name."""
    if is_cleared(row.invitee_name):
        raise InputError(
            "invitee_name",
            "this row was cleared when its visit was over",
            code="cleared",
            hint="write the row whole again, with the visitor's name, or leave it as it is",
        )


def update_or_create(row: DueRow, content: Content) -> Call | Settled:
    """Return what Envoy must be told so that it has this content."""
    if row.envoy_invite_id is None:
        # It may have to be looked up, so all of it is stored.
        return Call(
            Kind.CREATE, content, content, content_key(row.connection, content), content_in_flight=content
        )
    before = row.sent_content
    if is_asked_for(before, content):
        # It shows whether the invite, or its place, was what a 404 spoke of.
        there = in_the_old_place(before or {}, content)
        return _update(row, without_place(before or {}, content), there, rest=is_moved(before or {}, content))
    if clears.is_settled(before, content):
        kept = clears.kept_of(before, content)
        return Settled(Status.SENT, *(clears.told(kept) if kept else ()))
    return _update(row, changes(before, content), content)


def _update(row: DueRow, body: Content, content: Content, *, rest: bool = False) -> Call:
    """Return the call for an update, without the clears that Envoy has just refused."""
    left_out = clears.left_out_of(row.sent_content) & clears.emptied(body)
    body = clears.without(body, left_out)
    content_in_flight = while_updating(row.sent_content, body)
    return Call(Kind.UPDATE, body, content, content_in_flight=content_in_flight, rest=rest, left_out=left_out)


def rejection(error: InputError) -> Settled:
    """Return the finished state of a row that its own content makes impossible."""
    detail = f"{error}; {error.hint}" if error.hint else str(error)
    return Settled(Status.REJECTED, error.code, detail)
