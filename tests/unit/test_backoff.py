"""How long a deferred invite waits."""

import pytest

from worker.backoff import BackOff

DRAWS = 200  # that none of them is in the upper half has a chance of 1 in 2 to the 200


@pytest.mark.parametrize("deferrals", range(8))
def test_the_longest_wait_doubles_with_each_deferral(deferrals: int) -> None:
    """With full jitter: anything up to five seconds, ten, twenty; never less than the least."""
    ceiling = 5 * 2**deferrals

    waits = [BackOff(5, 900).jittered(deferrals) for _ in range(DRAWS)]

    assert min(waits) >= 5
    assert ceiling / 2 < max(waits) <= ceiling


def test_no_wait_is_longer_than_the_most() -> None:
    """However often it was deferred, and whatever the counter says."""
    waits = [BackOff(5, 900).jittered(10**6) for _ in range(DRAWS)]

    assert 450 < max(waits) <= 900
