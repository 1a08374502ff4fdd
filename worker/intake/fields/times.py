"""Read times, and settle local ones with the zone of the visit's location.

A time is ISO 8601 (RFC 3339 section 5.6, seconds may be left out), with ``Z`` or an offset; without
one it is the wall clock's at the location.  Where the clock is put back and shows a time twice, the
first of the two is meant, unless a Python caller says otherwise (``fold``, PEP 495).  A time that the
clock skips is refused: the writer meant another one.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from worker.errors import InputError
from worker.intake.fields.cells import given

FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
EXAMPLE = "2026-03-02T15:00:00+01:00"
FIRST_YEAR, LAST_YEAR = 2000, 2100
MILLISECOND = 1000  # microseconds: finer than that, the databases differ


def moment(field: str, value: object) -> datetime | None:
    """Return the time, to the millisecond; without a zone it is local to the visit's location."""
    if isinstance(value, datetime):
        found = value
    else:
        written = given(field, value)
        if written is None:
            return None
        found = _parsed(field, written)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InputError(field, f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}", code="time_range")
    rounded = found.replace(microsecond=found.microsecond // MILLISECOND * MILLISECOND)
    return rounded if is_local(rounded) else rounded.astimezone(UTC)


def is_local(time: datetime) -> bool:
    """Return whether the time is a wall clock's, without a zone."""
    return time.utcoffset() is None


def settled(field: str, time: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    """Return the time in UTC; *zone* is the location's, None if it is not known."""
    if time is None or not is_local(time):
        return time
    if zone is None:
        raise InputError(
            field,
            "has no zone, and the location's zone is not known here",
            code="time_without_zone",
            hint=f"write an offset, as in {EXAMPLE}, or name a location of `envoy-worker directory`",
        )
    found = time.replace(tzinfo=zone).astimezone(UTC)
    # A skipped time does not survive the way to UTC and back.
    if found.astimezone(zone).replace(tzinfo=None) != time:
        raise InputError(
            field,
            "does not exist at the location: its clock is put forward over it",
            code="time_skipped",
            hint=f"write another time, or an offset, as in {EXAMPLE}",
        )
    return found


def refuse_disorder(arrival: datetime | None, departure: datetime | None) -> None:
    """Do nothing unless both times can be compared and the departure comes first."""
    if arrival is None or departure is None or is_local(arrival) != is_local(departure):
        return
    if departure < arrival:
        raise InputError("expected_departure_at", "lies before the arrival", code="departure_before_arrival")


def _parsed(field: str, written: str) -> datetime:
    if DAY.fullmatch(written):
        raise InputError(field, f"has no time of day: write it as in {EXAMPLE}", code="time_form")
    match = FORM.fullmatch(written)
    if match is None:
        raise InputError(field, f"is no time: write it as in {EXAMPLE}", code="time_form")
    day, clock, zone = match.groups()
    try:
        return datetime.fromisoformat(f"{day}T{clock}{(zone or '').upper()}")
    except ValueError:
        pass
    raise InputError(
        field, "names a day or a time of day that does not exist, as 31 February does", code="time_form"
    )
