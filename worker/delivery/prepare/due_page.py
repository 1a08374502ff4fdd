"""Read due rows page by page; no page is larger than its bound of bytes, whatever callers have stored."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from worker.database import Database
from worker.database.statements.built_once import built_once
from worker.database.statements.sizes import LIGHT_BYTES, MOST_BYTES, byte_length, first_bytes
from worker.database.types import OVERSIZED, json_up_to
from worker.delivery.due import Cursor, DueRow
from worker.delivery.lanes.sharing import ALL, Part
from worker.invites.bounds import LONGEST, cut
from worker.invites.literals import PENDING
from worker.invites.model import DELIVERIES, INVITES, JOINED

PAGE_BYTES = 250_000  # of JSON, which as Python's objects may take twenty times as much, and of texts

_DELIVERY_FIELDS = (
    "revision", "fencing_token", "attempts", "deferrals", "next_attempt_at", "error_code",
    "envoy_invite_id", "refused_at", "gone_at", "absent_key",
)  # fmt: skip
_INVITE_FIELDS = (
    "connection", "external_id", "expected_arrival_at", "expected_departure_at", "send_email", "wanted",
)  # fmt: skip
# What may be long; its length is asked for, and it is loaded in a second statement where it is not light.
_JSON = {"custom_fields": INVITES.c.custom_fields, "sent_content": DELIVERIES.c.sent_content}
_NAMES = (
    "delivery_id", "invite_id", *_DELIVERY_FIELDS, *_INVITE_FIELDS, *LONGEST, "changed_at",
    *_JSON, *(f"{name}_bytes" for name in _JSON),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some due rows; ``is_last`` where no others lay behind them."""

    rows: list[DueRow]
    is_last: bool


class _Read(NamedTuple):
    """A row as it was read: without what is heavy or oversized of its JSON, but with how long that is."""

    values: dict[str, Any]
    lengths: dict[str, int]
    weight: int  # of what may be long: of texts what is loaded, and what they take in memory


class Due(NamedTuple):
    """Which due rows of a connection are asked for: *size* at most, of a part of them all."""

    connection: str
    until: datetime
    after: Cursor | None
    size: int
    part: Part = ALL

    def values(self) -> dict[str, object]:
        """Return the values that the statements are executed with."""
        given: dict[str, object] = {"connection": self.connection, "until": self.until, "size": self.size}
        if self.after is not None:
            given["moment"], given["number"] = self.after
        return given


def due_page(
    database: Database,
    connection: str,
    *,
    after: Cursor | None,
    until: datetime,
    size: int,
    most_bytes: int = PAGE_BYTES,
    part: Part = ALL,
) -> DuePage:
    """Return the next due rows of a connection, those due longest first, with the content to send.

    There are *size* rows at most, and fewer where they have more than *most_bytes*; but at least one.  With
    a *part*, only rows that belong to it.
    """
    with database.read() as reader:
        return due_page_in(reader, database, Due(connection, until, after, size, part), most_bytes)


def due_page_in(reader: sa.Connection, database: Database, due: Due, most_bytes: int) -> DuePage:
    """Do the same in the caller's transaction."""
    own = None if due.part.is_all else _own(reader, database, due)
    found = [_read(row) for row in _rows(reader, database, due, own)] if own is None or own else []
    rows = list(first_bytes(found, _weight, most_bytes))
    heavy = _heavy(reader, [row.values["delivery_id"] for row in rows if _is_heavy(row)])
    return DuePage(
        [_due_row(row, heavy.get(row.values["delivery_id"])) for row in rows],
        is_last=len(found if own is None else own) < due.size and len(rows) == len(found),
    )


def _own(reader: sa.Connection, database: Database, due: Due) -> list[int]:
    """Return the ids of the next due rows that belong to a part; fewer where no others are due."""
    own: list[int] = []
    wanted, due = due.size, due._replace(size=due.size * due.part.number)
    while len(own) < wanted:
        keys = reader.execute(_keys(database, due.after is None), due.values()).all()
        own += (row_id for _, row_id in keys if due.part.has(row_id))
        if len(keys) < due.size:
            break
        due = due._replace(after=(keys[-1].next_attempt_at, keys[-1].id))
    return own[:wanted]


def _rows(
    reader: sa.Connection, database: Database, due: Due, own: Sequence[int] | None
) -> Iterable[sa.Row[Any]]:
    if own is None:
        return reader.execute(_query(database, due.after is None, False), due.values())
    return reader.execute(_query(database, due.after is None, True), {**due.values(), "own": own})


@built_once
def _keys(_database: Database, is_first: bool) -> sa.Select[Any]:
    return _next_due(sa.select(DELIVERIES.c.next_attempt_at, DELIVERIES.c.id), is_first)


@built_once
def _query(_database: Database, is_first: bool, is_part: bool) -> sa.Select[Any]:
    due = DELIVERIES.c
    query = sa.select(
        due.id.label("delivery_id"),
        INVITES.c.id.label("invite_id"),
        *(due[name] for name in _DELIVERY_FIELDS),
        *(INVITES.c[name] for name in _INVITE_FIELDS),
        *(cut(INVITES.c[name], name).label(name) for name in LONGEST),
        INVITES.c.updated_at.label("changed_at"),
        *(json_up_to(column, LIGHT_BYTES).label(name) for name, column in _JSON.items()),
        *(byte_length(column).label(f"{name}_bytes") for name, column in _JSON.items()),
    ).join(INVITES, JOINED)
    if is_part:
        query = query.where(due.id.in_(sa.bindparam("own", expanding=True)))
    return _next_due(query, is_first)


def _next_due(query: sa.Select[Any], is_first: bool) -> sa.Select[Any]:
    """Return the query for due rows, in the order of an index."""
    due = DELIVERIES.c
    until = sa.bindparam("until", type_=due.next_attempt_at.type)
    query = query.where(
        due.connection == sa.bindparam("connection"), due.status == PENDING, due.next_attempt_at <= until
    )
    if not is_first:
        moment = sa.bindparam("moment", type_=due.next_attempt_at.type)
        bound = sa.tuple_(moment, sa.bindparam("number", type_=due.id.type))
        query = query.where(sa.tuple_(due.next_attempt_at, due.id) > bound)
    return query.order_by(due.next_attempt_at, due.id).limit(sa.bindparam("size", type_=sa.Integer))


def _heavy(reader: sa.Connection, ids: Sequence[int]) -> dict[int, sa.RowMapping]:
    """Return the JSON of rows in which some is not light."""
    if not ids:
        return {}
    query = (
        sa.select(DELIVERIES.c.id, *_JSON.values())
        .select_from(DELIVERIES.join(INVITES, JOINED))
        .where(DELIVERIES.c.id.in_(ids))
    )
    return {row["id"]: row for row in reader.execute(query).mappings()}


def _read(row: sa.Row[Any]) -> _Read:
    values = dict(zip(_NAMES, row, strict=True))
    lengths = {name: values.pop(f"{name}_bytes") or 0 for name in _JSON}
    loaded = sum(length for length in lengths.values() if length <= MOST_BYTES)
    texts = sum(sys.getsizeof(values[name]) for name in LONGEST if values[name])
    return _Read(values, lengths, loaded + texts)


def _weight(row: _Read) -> int:
    return row.weight


def _is_heavy(row: _Read) -> bool:
    return any(LIGHT_BYTES < length <= MOST_BYTES for length in row.lengths.values())


def _due_row(row: _Read, heavy: sa.RowMapping | None) -> DueRow:
    values = row.values
    for name, length in row.lengths.items():
        if length > MOST_BYTES:
            values[name] = OVERSIZED
        elif heavy is not None:
            values[name] = heavy[name]
    # What Envoy has is not known where it cannot be read; then all of it is told again.
    if not isinstance(values["sent_content"], dict):
        values["sent_content"] = None
    return DueRow(**values, weight=row.weight)
