"""The model that is searched whole, where more may happen; a sample goes a few steps only."""

from collections import Counter

import pytest

from tests.delivery_model.scopes import DEEP, NOT_FOUND, QUICK
from tests.delivery_model.search import search
from tests.torture.scale import FULL, scaled


@pytest.mark.parametrize("name", DEEP)
def test_every_order_of_events_ends_well(name: str, counts: Counter[str]) -> None:
    """Nothing is there twice but for a window, lost, or silent."""
    found = search(DEEP[name], depth=scaled(7, 1_000))
    counts.update(states=found.states, steps=found.depth)

    assert (found.reason, found.path) == ("", [])
    assert found.complete or not FULL


def test_a_guard_that_others_stand_in_for_is_not_missed(counts: Counter[str]) -> None:
    """Should one of them be needed one day, it is to be listed as such."""
    for guard in NOT_FOUND:
        for scope in QUICK.values():
            found = search(scope.without(guard), depth=scaled(5, 1_000))
            counts.update(searches=1, states=found.states)
            assert not found.reason, guard
