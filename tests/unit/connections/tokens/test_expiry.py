"""When a token is due for its successor: the arithmetic of lifetimes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.connections.tokens.expiry import AccessToken, is_fresh, refresh_point

START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
LIVES = st.floats(1, 10**8)
IDS = st.integers(1, 2**62)


def point(life: float, connection_id: int) -> float:
    """Return the refresh point in seconds after the issue."""
    end = START + timedelta(seconds=life)
    return (refresh_point(START, end, connection_id) - START).total_seconds()


@pytest.mark.parametrize(
    ("life", "earliest", "latest"), [(30, 21, 24), (3600, 2520, 2880), (86_400, 84_900, 85_500)]
)
def test_the_refresh_point_lies_ahead_of_the_end_by_a_share_of_the_life(
    life: float, earliest: float, latest: float
) -> None:
    """Short lives leave seconds, long ones a quarter of an hour and the jitter."""
    points = [point(life, connection_id) for connection_id in range(1, 300)]

    assert earliest <= min(points)
    assert max(points) <= latest


def test_the_jitter_spreads_connections_over_most_of_its_window() -> None:
    """Two hundred customers who connected in one minute do not refresh in one minute."""
    points = [point(86_400, connection_id) for connection_id in range(1, 201)]

    assert max(points) - min(points) >= 0.8 * 600


@given(life=LIVES, connection_id=IDS)
def test_the_refresh_point_is_always_within_the_last_third_of_the_life(
    life: float, connection_id: int
) -> None:
    """No life is so short that a token is due at once, none so long that it is due after its end."""
    assert 0.69 * life <= point(life, connection_id) <= 0.81 * life or life > 4500
    assert point(life, connection_id) < life


@given(life=LIVES, connection_id=IDS)
def test_the_jitter_of_a_connection_is_stable(life: float, connection_id: int) -> None:
    """All processes agree on when a connection is due."""
    assert point(life, connection_id) == point(life, connection_id)


@given(life=LIVES, connection_id=IDS, later=st.floats(0, 10**9))
def test_a_token_that_is_due_stays_due(life: float, connection_id: int, later: float) -> None:
    """Fresh turns into due once, and never back."""
    end = START + timedelta(seconds=life)
    due = refresh_point(START, end, connection_id)

    assert is_fresh(START, end, connection_id, START)
    assert not is_fresh(START, end, connection_id, due + timedelta(seconds=later))


def test_a_token_that_seems_to_come_from_the_future_is_due() -> None:
    """Beyond a minute of skew, its age cannot be told."""
    end = START + timedelta(hours=1)

    assert is_fresh(START, end, 1, START - timedelta(seconds=59))
    assert not is_fresh(START, end, 1, START - timedelta(seconds=61))


@pytest.mark.parametrize(
    ("age", "young"), [(-1, False), (0, True), (49, True), (50, False), (99, False), (1000, False)]
)
def test_a_token_is_young_for_the_first_half_of_its_life(age: float, young: bool) -> None:
    """A refusal of a young token is no expiry; one from the future counts as old."""
    token = AccessToken("canary", 1, START, START + timedelta(seconds=100))

    assert token.is_young(START + timedelta(seconds=age)) is young


def test_an_access_token_does_not_show_itself() -> None:
    """A token in a traceback shows its version only."""
    token = AccessToken("canary", 7, START, START)

    assert "canary" not in repr(token)
    assert "7" in repr(token)
