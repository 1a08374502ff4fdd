"""Bring rows of the table ``invite`` to what the caller wants, touching only those that differ."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from worker.database.engine import now_of
from worker.database.statements.sizes import LIGHT_BYTES
from worker.database.types import OVERSIZED, json_up_to
from worker.errors import InputError
from worker.intake.rows import FIELDS, NewInvite
from worker.invites.model import INVITES
from worker.invites.personal import PERSONAL, is_cleared

Key = tuple[str, str]
A_DAY = timedelta(days=1)
Row = Mapping[str, Any]


@dataclass(slots=True)
class Plan:
    """What storing some invites would do; ``changed`` holds the id of each row, too.

    ``refused`` are those that do not fit to what their rows keep, by their place among the invites.
    ``cleared`` counts the rows in which a column that has a value is emptied, for each column.
    """

    new: list[NewInvite] = field(default_factory=list)
    changed: list[tuple[int, NewInvite]] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    refused: list[tuple[int, InputError]] = field(default_factory=list)
    cleared: Counter[str] = field(default_factory=Counter)


def plan(connection: sa.Connection, invites: Sequence[NewInvite]) -> Plan:
    """Compare the invites with the stored rows of the same external ids."""
    made = Plan()
    stored = _stored(connection, invites)
    for place, invite in enumerate(invites):
        row = stored.get((invite.connection, invite.external_id))
        if row is None:
            made.new.append(invite)
            continue
        row = _whole(connection, row)
        if not (differing := _differing(connection, row, invite)):
            made.unchanged.append(row["id"])
        elif error := _misfit(row, invite):
            made.refused.append((place, error))
        else:
            made.changed.append((row["id"], invite))
            made.cleared.update(name for name, value in differing.items() if value is None and row[name])
    return made


def _whole(connection: sa.Connection, row: Row) -> Row:
    """Return a stored row with its custom fields, which are loaded one at a time where they are long."""
    if row.get("custom_fields") != OVERSIZED:
        return row
    query = sa.select(INVITES.c.custom_fields).where(INVITES.c.id == row["id"])
    return {**row, "custom_fields": connection.execute(query).scalar()}


def _differing(connection: sa.Connection, row: Row, invite: NewInvite) -> dict[str, Any]:
    """Return what the row must be given; a visit that was cleared is filled again only if it is to come."""
    said = invite.changes()
    differing = {name: value for name, value in said.items() if row[name] != value}
    if differing and is_cleared(row["invitee_name"]) and _is_over(connection, row):
        return differing if differing.keys() - {*PERSONAL, "send_email"} else {}
    return differing


def _is_over(connection: sa.Connection, row: Row) -> bool:
    """Return whether a visit is over; without a departure it is when its day is, wherever that is."""
    ends_at = row["expected_departure_at"] or row["expected_arrival_at"] + A_DAY
    return bool(ends_at < connection.execute(sa.select(now_of(connection))).scalar_one())


def _misfit(row: Row, invite: NewInvite) -> InputError | None:
    """Return what keeps the row from being changed: a departure that nothing is said of, and that stays."""
    kept = row["expected_departure_at"]
    if "expected_departure_at" in invite.said or kept is None or kept >= invite.expected_arrival_at:
        return None
    return InputError(
        "expected_arrival_at",
        "lies after the departure that the visit has, and of which nothing is said here",
        code="departure_before_arrival",
        hint="say expected_departure_at as well; blank, it is none",
    )


def carry_out(connection: sa.Connection, made: Plan) -> None:
    """Insert what is new and update what differs, in the transaction that is under way."""
    if made.new:
        connection.execute(sa.insert(INVITES), [invite.values() for invite in made.new])
    by_columns: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for row_id, invite in made.changed:
        by_columns[invite.said].append(_bound(row_id, invite))
    for columns, rows in by_columns.items():
        connection.execute(_update(columns), rows)


@lru_cache(maxsize=64)
def _update(columns: frozenset[str]) -> sa.Update:
    """Return the update of some columns; all others stay whatever somebody else makes of them."""
    given: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in FIELDS if name in columns}
    # What retention had cleared is filled again, so it must be cleared again one day.
    return (
        sa.update(INVITES).where(INVITES.c.id == sa.bindparam("row_id")).values(given | {"cleared_at": None})
    )


def _bound(row_id: int, invite: NewInvite) -> dict[str, Any]:
    return {"row_id": row_id} | {f"new_{name}": value for name, value in invite.changes().items()}


def places_of(connection: sa.Connection, invites: Iterable[NewInvite]) -> dict[Key, str | None]:
    """Return the locations of the rows that are there already."""
    return {key: row["location"] for key, row in _stored(connection, invites, ("location",)).items()}


def _stored(
    connection: sa.Connection, invites: Iterable[NewInvite], columns: Sequence[str] = FIELDS
) -> dict[Key, Row]:
    keys: dict[str, list[str]] = defaultdict(list)
    for invite in invites:
        keys[invite.connection].append(invite.external_id)
    found: dict[Key, Row] = {}
    own = INVITES.c
    for name, external_ids in keys.items():
        read = [_column(column) for column in {*columns, "external_id"}]
        query = sa.select(own.id, *read).where(own.connection == name, own.external_id.in_(external_ids))
        for row in connection.execute(query).mappings():
            found[name, row["external_id"]] = dict(row)
    return found


def _column(name: str) -> sa.ColumnElement[Any]:
    """Return a column to select; for custom fields that are not light OVERSIZED stands at first."""
    own = INVITES.c[name]
    return json_up_to(own, LIGHT_BYTES).label(name) if name == "custom_fields" else own
