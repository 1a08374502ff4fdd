"""Column types that mean the same on SQLite and on PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

UNREADABLE = "unreadable"


def utc_now() -> datetime:
    """Return this host's time, in UTC."""
    return datetime.now(UTC)


def utc_text(moment: datetime) -> str:
    """Write a moment as SQLite stores it: UTC, milliseconds, ``Z``; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


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
        return value.astimezone(UTC) if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return the moment in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        # What no trigger has seen may lack its zone, and is never the time of this host.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def lenient_json(text: str | bytes) -> Any:  # noqa: ANN401 -- JSON is anything
    """Return the JSON in *text*, or UNREADABLE where Python cannot hold what the database could.

    A number of 5,000 digits, or a list a thousand deep, must not keep all other rows from being read.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return UNREADABLE


def StrictJson() -> sa.types.TypeEngine[Any]:  # noqa: N802 -- it is used as a column type
    """Return the JSON type of the database; None is SQL's NULL, never JSON's."""
    return sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
