"""Holds and pace: arithmetic that needs no database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import BackOff
from worker.connections.model import Connection
from worker.connections.states import HoldReason
from worker.connections.tokens.refresh.failures import retry_seconds
from worker.connections.usable.pace import SLOWEST, cut, raised
from worker.connections.usable.rules import HOLD_MAXIMUM, hold, in_force, prolong
from worker.database.ahead import lies_ahead

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
COUNTS = st.integers(0, 10**6)


def held(reason: HoldReason | None, seconds: float | None) -> Connection:
    """Return a row with a hold that ends in so many seconds."""
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Connection(name="acme", hold_reason=reason, held_until=until)


@pytest.mark.parametrize(
    ("reason", "seconds", "expected"),
    [
        (None, 10, False), (HoldReason.OUTAGE, None, False), (HoldReason.OUTAGE, 0, False),
        (HoldReason.OUTAGE, 10, True), (HoldReason.OUTAGE, 3661, False),
        (HoldReason.PAUSED, None, True), (HoldReason.PAUSED, 10**7, True), (HoldReason.PAUSED, -1, False),
    ],
)  # fmt: skip
def test_a_hold_is_in_force_until_its_time(
    reason: HoldReason | None, seconds: float | None, expected: bool
) -> None:
    """Only a pause may have no end, or one far away."""
    assert in_force(held(reason, seconds), NOW) is expected


@given(seconds=st.floats(0, 10**9), reason=st.sampled_from(list(HoldReason)))
def test_a_new_hold_is_in_force_and_bounded(seconds: float, reason: HoldReason) -> None:
    """What `hold` writes is what `in_force` understands."""
    values = hold(held(None, None), NOW, reason, max(seconds, 0.001))
    row = Connection.model_validate({"name": "acme", **values})

    assert in_force(row, NOW)
    assert row.held_until is not None
    assert row.held_until <= NOW + timedelta(seconds=HOLD_MAXIMUM)


@given(count=COUNTS)
def test_waits_grow_from_the_least_to_the_most(count: int) -> None:
    """However often it failed, a wait stays within its bounds."""
    back_off = BackOff(5.0, 900.0)

    assert 5 <= back_off.grown(count) <= 900
    assert 5 <= back_off.jittered(count) <= 900
    assert back_off.grown(count) <= back_off.grown(count + 1)


@given(failures=COUNTS, retry_after=st.none() | st.floats(0, 10**9))
def test_a_failed_refresh_rests_five_seconds_to_five_minutes_or_as_asked(
    failures: int, retry_after: float | None
) -> None:
    """Envoy's wish may be longer, up to an hour."""
    seconds = retry_seconds(failures, retry_after)

    assert min(max(5.0, retry_after or 0), 3600) <= seconds <= max(300, min(retry_after or 0, 3600))


def test_a_pause_is_not_prolonged() -> None:
    """The operator's own time stands."""
    assert prolong(held(HoldReason.PAUSED, 10), NOW, 100) == {}
    assert prolong(held(HoldReason.OUTAGE, 10), NOW, None) == {}
    assert prolong(held(HoldReason.OUTAGE, 10), NOW, 100) == {
        "held_until": NOW + timedelta(seconds=100),
        "held_since": NOW,
    }


@given(rate=st.floats(0.1, 1000), times=st.integers(0, 50))
def test_a_pace_is_halved_and_comes_back(rate: float, times: int) -> None:
    """However often it is cut it stays above the slowest, and successes bring it back to the setting."""
    pace: float | None = None
    for _ in range(times):
        pace = cut(pace, rate)
        assert pace is not None
        assert SLOWEST <= pace <= max(rate, SLOWEST)
    for _ in range(21):
        pace = raised(pace, rate)

    assert pace is None


def test_without_a_limit_there_is_no_pace_to_cut() -> None:
    """Zero means no limit, and stays so."""
    assert cut(None, 0) is None
    assert raised(None, 0) is None


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, False), (-1, False), (0, False), (1, True), (60, True), (121, False)]
)
def test_a_time_lies_ahead_within_its_own_maximum(seconds: float | None, expected: bool) -> None:
    """Further ahead than it can have been put, it is over."""
    moment = None if seconds is None else NOW + timedelta(seconds=seconds)

    assert lies_ahead(moment, NOW, 60) is expected
