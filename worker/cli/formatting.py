"""Put values into words: times, dataclasses, invites."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from worker.clock import to_second
from worker.commands import command
from worker.connections.states import ENDED_BY_CONSENT, HoldReason
from worker.errors import UsageError


def moment(value: datetime | None) -> str | None:
    """Write a moment in UTC, to the second; None stays."""
    return None if value is None else to_second(value)


def plain(value: object) -> object:
    """Return a value as JSON has it."""
    return moment(value) if isinstance(value, datetime) else value


def as_data(value: Any) -> dict[str, object]:  # noqa: ANN401 -- any dataclass
    """Return a dataclass as a table of plain values."""
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def resume(connection: str, hold_reason: str | None) -> str:
    """Return the command that ends a connection's hold."""
    if hold_reason in ENDED_BY_CONSENT:
        return command("connect", connection)
    if hold_reason == HoldReason.REFUSES_ALL:  # it is the whole host's
        return command("connections resume --all")
    return command("connections resume", connection)


def parse_moment(text: str, option: str) -> datetime:
    """Return the moment that an option names.

    Raises:
        UsageError: it is no ISO 8601 time, or lacks its zone.
    """
    try:
        value = datetime.fromisoformat(text.strip())
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at either end of all years
        pass
    raise UsageError(f"{option}: needs a time with its zone", hint="as in 2030-05-17T09:00:00+02:00")


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: 1 location, 2 locations."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
