"""Records and instants in the form in which Envoy's API writes them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Clock = Callable[[], float]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def utc_text(seconds: float) -> str:
    """Return seconds since 1970 as UTC text with ``Z``, whole seconds; such texts sort by time."""
    return _text(datetime.fromtimestamp(seconds, UTC))


def precise_text(seconds: float) -> str:
    """Return seconds since 1970 as UTC text with ``Z`` and milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def instant_text(value: str) -> str:
    """Return an RFC 3339 instant as UTC text with ``Z``; ValueError if it is none or has no offset."""
    # fromisoformat alone takes bare dates, week dates and times without an offset, too.
    if not _RFC3339.fullmatch(value):
        raise ValueError("not an RFC 3339 date-time with an offset")
    try:
        return _text(datetime.fromisoformat(value.upper()).astimezone(UTC))
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
