"""Local times of every zone, above all on the days when its clock is changed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.clock import to_millisecond
from worker.errors import InputError
from worker.intake.fields.times import moment, settled

ARRIVAL = "expected_arrival_at"
# The links of old names into the system's own settings are no zones of a location.
ZONES = sorted(name for name in available_timezones() if "/" in name)
DAY = timedelta(days=1)


def offset(wall: datetime, zone: ZoneInfo, fold: int = 0) -> timedelta:
    """Return how far the wall clock is ahead of UTC."""
    found = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert found is not None
    return found


@st.composite
def readings(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """Draw a zone and a reading of its wall clock, mostly of a day when the clock is changed."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    day = datetime(draw(st.integers(2001, 2098)), 1, 1)  # noqa: DTZ001 -- a wall clock's
    days = [day + n * DAY for n in range(365)]
    changes = [one for one in days if offset(one, zone) != offset(one + DAY, zone)]
    mostly = draw(st.booleans()) or draw(st.booleans())
    chosen = draw(st.sampled_from(changes if changes and mostly else days))
    return chosen + timedelta(minutes=draw(st.integers(0, 24 * 60))), zone


@given(readings())
def test_the_date_and_the_time_at_the_location_survive_storing(reading: tuple[datetime, ZoneInfo]) -> None:
    """What is stored in UTC is, seen at the location again, the date and the time that were written."""
    wall, zone = reading
    assume(offset(wall, zone) >= offset(wall, zone, fold=1))  # else the clock skips it

    found = settled(ARRIVAL, moment(ARRIVAL, wall.isoformat()), zone)

    assert found is not None
    seen = datetime.fromisoformat(to_millisecond(found)).astimezone(zone)
    assert seen.date() == wall.date()
    assert seen.replace(tzinfo=None, fold=0) == wall


@given(readings())
def test_a_time_is_refused_only_where_the_clock_skips_it_and_else_the_first_of_two(
    reading: tuple[datetime, ZoneInfo],
) -> None:
    """A skipped time has a smaller offset before than after (PEP 495); one shown twice, a larger one."""
    wall, zone = reading
    if offset(wall, zone) < offset(wall, zone, fold=1):
        with pytest.raises(InputError, match="does not exist at the location"):
            settled(ARRIVAL, wall, zone)
        return

    found = settled(ARRIVAL, wall, zone)

    assert found is not None
    assert found.replace(tzinfo=None) == wall - max(offset(wall, zone), offset(wall, zone, fold=1))
