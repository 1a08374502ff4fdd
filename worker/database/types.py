"""Column types that mean the same on SQLite and on PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from worker.clock import to_millisecond
from worker.database.statements.sizes import MOST_BYTES, byte_length

UNREADABLE = "unreadable"
OVERSIZED = "oversized"
# What stands for a time that Python does not have; each leaves room to count on, and back.
FAR_AHEAD = datetime(9999, 12, 30, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PARTS = 30_000  # more than commas and brackets in fifty custom fields of the longest


def utc_now() -> datetime:
    """Return this host's time, in UTC."""
    return datetime.now(UTC)


def _instead(value: object) -> datetime:
    """Return what stands for a value that is no time: it lies where SQLite sorts it.

    One such value must not keep all other rows from being read.
    """
    is_ahead = not isinstance(value, str) or value > to_millisecond(utc_now())
    return FAR_AHEAD if is_ahead else LONG_AGO


class Timestamp(sa.types.TypeDecorator[datetime]):
    """An aware moment: ``timestamptz`` on PostgreSQL, sortable UTC text on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401
        """Refuse a moment without a zone; write the rest in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.astimezone(UTC) if dialect.name == "postgresql" else to_millisecond(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return the moment in UTC."""
        if value is None:
            return None
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            # What no trigger has seen may lack its zone, and is never the time of this host.
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, TypeError, OverflowError):
            return _instead(value)


def lenient_json(text: str | bytes) -> Any:  # noqa: ANN401 -- JSON is anything
    """Return the JSON in *text*, or UNREADABLE where Python cannot hold what the database could.

    A number of 5,000 digits, or a list a thousand deep, must not keep all other rows from being read; nor
    must many tiny parts, each of which takes a multiple of itself, fill the memory.
    """
    if len(text) > MOST_PARTS and _parts(text) > MOST_PARTS:
        return UNREADABLE
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return UNREADABLE


def _parts(text: str | bytes) -> int:
    if isinstance(text, str):
        return sum(map(text.count, "{[,"))
    return sum(map(text.count, (b"{", b"[", b",")))


class _Json(sa.types.TypeDecorator[Any]):
    """The JSON type of the database; None is SQL's NULL, never JSON's."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self) -> None:
        """Take no options."""
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the database's own type."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB

            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.JSON(none_as_null=True))

    def coerce_compared_value(self, op: Any, value: Any) -> Any:  # noqa: ANN401
        """Take a key or a path for what it is, and not for JSON."""
        return self.impl_instance.coerce_compared_value(op, value)


class StrictJson(_Json):
    """The same; what is longer than MOST_BYTES is OVERSIZED, and is never loaded, whatever selects it."""

    cache_ok = True

    def column_expression(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Have the database look how long it is first."""
        return _unless_longer(column, MOST_BYTES)


def json_up_to(column: sa.ColumnElement[Any], most: int) -> sa.ColumnElement[Any]:
    """Return the expression for a JSON column that is OVERSIZED beyond *most* bytes, and then not loaded."""
    return sa.type_coerce(_unless_longer(column, most), _Json())


def _unless_longer(column: sa.ColumnElement[Any], most: int) -> sa.ColumnElement[Any]:
    too_long: sa.ColumnElement[Any] = sa.literal_column(f"'\"{OVERSIZED}\"'")
    return sa.case((byte_length(column) > most, too_long), else_=column)
