"""Connections as the operator sees and moves them; never a token."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.arrivals import announce
from worker.connections.company import another_companys
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change, clock_of, forget_employees, locked, select_one
from worker.connections.states import ConnectionStatus, HoldReason, WaitReason
from worker.connections.tokens.refresh.cool_down import is_cooling
from worker.connections.usable.moves import announce_hold, announce_release
from worker.connections.usable.resuming import resumed
from worker.connections.usable.rules import NOT_PAUSED_BENEATH, UNDISTURBED, in_force, is_waiting, paused
from worker.database import Database
from worker.database.postgresql import texts
from worker.database.repeating import repeated
from worker.database.statements.loaded import loaded
from worker.errors import UsageError

LONGEST_NAME = 100
DEFAULTS = frozenset({"default_location", "default_flow", "default_send_email"})
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection as it stands; the fields of a hold or a wait only while it is in force."""

    name: str
    status: ConnectionStatus
    status_reason: str | None
    hold_reason: str | None
    held_until: datetime | None
    waits_for: str | None
    waits_until: datetime | None
    company_id: str | None
    scopes: str | None
    can_read_invites: bool | None
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    refreshed_at: datetime | None
    refresh_error: str | None
    pace_per_second: float | None
    default_location: str | None
    default_flow: str | None
    default_custom_fields: dict[str, Any] | None = field(repr=False)
    default_send_email: bool
    directory_refreshed_at: datetime | None


def check_name(name: str) -> str:
    """Return a name that a connection may have.

    Raises:
        UsageError: it has other characters than letters, digits, dot, dash and underscore, or too many.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            "a connection's name has letters, digits, dots, dashes and underscores only",
            hint="take a short one, as in `envoy-worker connect acme`",
        )
    return name


def names(database: Database) -> list[str]:
    """Return the names of all connections, the removed ones too."""
    return [row.name for row in connections(database)]


def connections(database: Database) -> list[Connection]:
    """Return all connections by name, the removed ones too."""
    with database.read() as connection:
        rows = connection.execute(sa.select(CONNECTIONS).order_by(CONNECTIONS.c.name)).mappings().all()
    return [loaded(Connection, row) for row in rows]


def views(database: Database) -> list[ConnectionView]:
    """Return all connections as they stand now."""
    now = database.read_now()
    return [view(row, now) for row in connections(database)]


def view(row: Connection, now: datetime) -> ConnectionView:
    """Return a connection as it stands at *now*, by the database's clock."""
    held, (waits_for, waits_until) = in_force(row, now), _wait(row, now)
    shown = {
        field: getattr(row, field)
        for field in ConnectionView.__slots__
        if field not in {"status", "hold_reason", "held_until", "waits_for", "waits_until"}
    }
    return ConnectionView(
        **shown,
        status=effective_status(row, now),
        hold_reason=row.hold_reason if held else None,
        held_until=row.held_until if held else None,
        waits_for=waits_for,
        waits_until=waits_until,
    )


def _wait(row: Connection, now: datetime) -> tuple[str | None, datetime | None]:
    if is_waiting(row, now):
        return row.waits_for, row.waits_until
    return (WaitReason.COOLING, row.refresh_retry_at) if is_cooling(row, now) else (None, None)


def effective_status(row: Connection, now: datetime) -> ConnectionStatus:
    """Return how a connection stands: held while it would be active but for a hold."""
    status = ConnectionStatus(row.status)
    return ConnectionStatus.HELD if status is ConnectionStatus.ACTIVE and in_force(row, now) else status


def find(database: Database, name: str) -> Connection | None:
    """Return the connection of that name, None if there is none."""
    with database.read() as connection:
        return select_one(connection, CONNECTIONS.c.name == name)


def require(database: Database, name: str) -> Connection:
    """Return the connection of that name.

    Raises:
        UsageError: there is none; the nearest names are the hint.
    """
    row = find(database, name)
    if row is None:
        known = names(database)
        nearest = difflib.get_close_matches(name, known, n=3) or known[:3]
        hint = f"did you mean {', '.join(nearest)}?" if nearest else "run `envoy-worker connect NAME` first"
        raise UsageError(f"there is no connection {name!r}", hint=hint)
    return row


@repeated
def pause(database: Database, name: str, until: datetime | None = None) -> None:
    """Hold a connection until it is resumed or *until* comes; no other hold replaces this one."""
    found = require(database, name)
    with database.write() as connection:
        row = locked(connection, int(found.id or 0)) or found
        change(connection, CONNECTIONS.c.id == row.id, **paused(row, until), updated_at=database.now())
    announce_hold(name, HoldReason.PAUSED, until)


@repeated
def resume(database: Database, name: str) -> bool:
    """End any hold and forget the troubles before it; return whether there was a hold.

    Raises:
        NeedsAuthorisation: its grant is another company's, which only a consent ends; a pause is over.
    """
    found = require(database, name)
    with database.write() as connection:
        row = locked(connection, int(found.id or 0)) or found
        is_another = row.hold_reason == HoldReason.OTHER_COMPANY
        values = NOT_PAUSED_BENEATH if is_another else resumed(database)
        change(connection, CONNECTIONS.c.id == row.id, **values)
        announce(connection)
    if is_another:
        raise another_companys(name)
    held = row.hold_reason is not None
    if held:
        announce_release(name)
    return held


@repeated
def remove(database: Database, name: str) -> None:
    """Wipe a connection's tokens and use it no more; its row stays, for its invites refer to it.

    What it was told of employees is wiped, too.  Envoy offers no revocation: the customer removes the
    application there.
    """
    row = require(database, name)
    with database.write() as connection:
        change(
            connection,
            CONNECTIONS.c.id == row.id,
            status=ConnectionStatus.REMOVED,
            status_reason=None,
            access_token_enc=None,
            refresh_token_enc=None,
            access_issued_at=None,
            access_expires_at=None,
            refresh_expires_at=None,
            **UNDISTURBED,
            updated_at=database.now(),
        )
        forget_employees(connection, row.id)


@repeated
def set_defaults(
    database: Database,
    name: str,
    *,
    custom_fields: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    **defaults: object,
) -> None:
    """Set the columns of DEFAULTS that are named; None clears one.

    *custom_fields* is shown the present ones and returns the new ones; nobody changes them in between.
    """
    row = require(database, name)
    unknown = defaults.keys() - DEFAULTS
    if unknown:
        raise TypeError(f"no such default: {', '.join(sorted(unknown))}")
    assert row.id is not None  # noqa: S101 -- a stored row has its id
    with database.write() as connection:
        if custom_fields is not None:
            present = getattr(locked(connection, row.id), "default_custom_fields", None)
            # Somebody else's hand may have left something odd there.
            known = present if isinstance(present, dict) else {}
            defaults["default_custom_fields"] = custom_fields(known) or None
        for error in texts.lacking(defaults, texts.codec(connection)):
            raise UsageError(f"{error.field}: {error}", hint=error.hint)
        if defaults:
            change(connection, CONNECTIONS.c.id == row.id, **defaults, updated_at=database.now())


@repeated
def note_reading(database: Database, connection_id: int, can_read: bool | None) -> None:
    """Store whether the grant can read invites, as Envoy has just shown."""
    with database.write() as connection:
        now = clock_of(connection, database)
        change(
            connection,
            CONNECTIONS.c.id == connection_id,
            can_read_invites=can_read,
            reading_refused_at=now if can_read is False else None,
            updated_at=now,
        )
