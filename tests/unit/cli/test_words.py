"""Values in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cli.formatting import counted, moment, parse_moment
from worker.errors import UsageError

ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES))  # noqa: DTZ001 -- bounds
def test_a_moment_is_read_as_it_was_written(value: datetime) -> None:
    """Whatever the zone, a time comes back as the same moment, to the second, in UTC."""
    written = moment(value)

    assert written is not None
    assert written.endswith("Z")
    assert parse_moment(written, "--until") == value.astimezone(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2030-01-01", "2030-01-01T10:00", "2030-02-31T10:00Z", "9999-12-31T23:59:59-23:59",
     "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
def test_a_time_without_a_zone_or_beyond_all_years_is_the_operators_mistake(text: str) -> None:
    """The line names the option and shows the form."""
    with pytest.raises(UsageError, match="--until: needs a time with its zone") as caught:
        parse_moment(text, "--until")

    assert caught.value.hint == "as in 2030-05-17T09:00:00+02:00"


def test_a_noun_follows_its_number() -> None:
    """One thing is one thing, and thousands are readable."""
    assert [counted(1, "location"), counted(0, "flow"), counted(2000, "entry", "entries")] == [
        "1 location", "0 flows", "2,000 entries",
    ]  # fmt: skip
