"""Times as callers write them, and local times on the nights when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from worker.errors import InputError
from worker.intake.fields.times import moment, refuse_disorder, settled

ARRIVAL = "expected_arrival_at"
BERLIN = ZoneInfo("Europe/Berlin")
THREE_PM = datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T15:00:00Z",
        "2026-03-02t15:00:00z",
        "2026-03-02 15:00Z",
        "2026-03-02T16:00:00+01:00",
        "2026-03-02 16:00:00 +0100",
        "2026-03-02T10:00-05",
        "2026-03-02T15:00:00.000Z",
        " 2026-03-02T15:00:00,0004Z ",
    ],
)
def test_a_time_with_a_zone_is_read_in_every_usual_form(written: str) -> None:
    """Space or T, seconds or none, Z or an offset in three forms: the moment is the same."""
    found = moment(ARRIVAL, written)

    assert found == THREE_PM
    assert found is not None
    assert found.tzinfo is UTC


def test_a_time_without_a_zone_stays_local() -> None:
    """It cannot be settled before the location's zone is known."""
    assert moment(ARRIVAL, "2026-03-02 15:00") == datetime(2026, 3, 2, 15)  # noqa: DTZ001 -- that is the point


def test_a_datetime_is_taken_to_the_millisecond() -> None:
    """The databases agree on milliseconds, so finer parts are left out."""
    assert moment(ARRIVAL, THREE_PM.replace(microsecond=123_999)) == THREE_PM.replace(microsecond=123_000)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-02-31T10:00:00Z", "does not exist"),
        ("2026-13-01T10:00Z", "does not exist"),
        ("2026-03-02T25:00Z", "does not exist"),
        ("2026-03-02T10:00+99:00", "does not exist"),
        ("2026-03-03", "has no time of day"),
        ("02.03.2026 15:00", "is no time"),
        ("03/02/2026 3:00 PM", "is no time"),
        ("1772463600", "is no time"),
        ("tomorrow", "is no time"),
        ("2026-W10-1T10:00Z", "is no time"),
        ("1999-12-31T23:59Z", "outside the years 2000 to 2100"),
        ("2101-01-01T00:00", "outside the years 2000 to 2100"),
    ],
)
def test_what_is_no_time_gets_a_line_that_says_why(written: str, message: str) -> None:
    """31 February, a day without a time, another country's form: each has its own words."""
    with pytest.raises(InputError, match=message) as caught:
        moment(ARRIVAL, written)

    assert caught.value.field == ARRIVAL
    assert written not in str(caught.value)


def test_a_local_time_becomes_utc_by_the_locations_zone() -> None:
    """Three in the afternoon in Berlin is two o'clock in winter and one o'clock in summer."""
    winter = settled(ARRIVAL, moment(ARRIVAL, "2026-01-15 15:00"), BERLIN)
    summer = settled(ARRIVAL, moment(ARRIVAL, "2026-07-15 15:00"), BERLIN)

    assert winter == datetime(2026, 1, 15, 14, tzinfo=UTC)
    assert summer == datetime(2026, 7, 15, 13, tzinfo=UTC)


def test_a_local_time_is_refused_where_the_zone_is_not_known() -> None:
    """The caller is told to write an offset; nothing is guessed."""
    with pytest.raises(InputError, match="has no zone") as caught:
        settled(ARRIVAL, moment(ARRIVAL, "2026-01-15 15:00"), None)

    assert "offset" in caught.value.hint


def test_a_time_that_the_clock_skips_is_refused() -> None:
    """Half past two does not exist in Berlin on the last Sunday of March."""
    with pytest.raises(InputError, match="does not exist at the location"):
        settled(ARRIVAL, moment(ARRIVAL, "2026-03-29 02:30"), BERLIN)


def test_a_time_that_the_clock_shows_twice_is_the_first_of_the_two() -> None:
    """Half past two in Berlin on the last Sunday of October is the one in summer time."""
    found = settled(ARRIVAL, moment(ARRIVAL, "2026-10-25 02:30"), BERLIN)

    assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_python_caller_may_mean_the_second_of_the_two() -> None:
    """A datetime can say which of two equal readings of the clock it is."""
    second = datetime(2026, 10, 25, 2, 30, fold=1)  # noqa: DTZ001 -- a wall clock's

    assert settled(ARRIVAL, moment(ARRIVAL, second), BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_departure_may_not_come_before_the_arrival_but_may_be_equal() -> None:
    """Only the order is checked, and only where both times can be compared."""
    refuse_disorder(THREE_PM, THREE_PM)
    refuse_disorder(THREE_PM, None)

    with pytest.raises(InputError, match="lies before the arrival") as caught:
        refuse_disorder(THREE_PM, THREE_PM - timedelta(minutes=1))
    assert caught.value.field == "expected_departure_at"
