"""Retry-After in all its forms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy import retry_after

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)
# Ten minutes slow, as a host's clock may be.
WRONG_CLOCK = datetime(1994, 11, 6, 8, 39, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0.0), ("1", 1.0), (" 120 ", 120.0), ("3601", 3600.0), ("9" * 40, 3600.0), ("9" * 5000, 3600.0)],
)
def test_seconds_are_taken_up_to_an_hour(text: str, expected: float) -> None:
    """A server may slow the worker down, but not stop it for good."""
    assert expected == retry_after.seconds({"Retry-After": text}, now=NOW)


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_all_three_date_forms_count_from_now(text: str) -> None:
    """RFC 9110 section 5.6.7: the two obsolete forms must be understood."""
    assert retry_after.seconds({"Retry-After": text}, now=NOW) == 30.0


def test_a_date_counts_from_the_answers_own_date() -> None:
    """A wrong clock on this host changes nothing."""
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:27 GMT"}

    assert retry_after.seconds(headers, now=WRONG_CLOCK) == 10.0


def test_a_past_date_is_no_wait() -> None:
    """The moment has come already."""
    assert retry_after.seconds({"Retry-After": "Sat, 05 Nov 1994 08:49:37 GMT"}, now=NOW) == 0.0


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5", "+3", "٣", "1, 2", "[1]", "Sun, 31 Nov 1994 08:49:37 GMT", "1e3"]
)
def test_nonsense_says_nothing(text: str) -> None:
    """Then the caller's own back-off decides."""
    assert retry_after.seconds({"Retry-After": text}, now=NOW) is None


def test_no_header_says_nothing() -> None:
    """Envoy does not promise the header."""
    assert retry_after.seconds({}, now=NOW) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]+,? \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT"))
def test_any_text_gives_a_bounded_wait_or_none(text: str) -> None:
    """No header can make the worker crash or wait longer than an hour."""
    wait = retry_after.seconds({"Retry-After": text, "Date": text}, now=NOW)

    assert wait is None or 0.0 <= wait <= 3600.0
