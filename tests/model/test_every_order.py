"""Whatever happens in whatever order: nothing is there twice but for a window, lost, or silent."""

import pytest

from tests.delivery_model.scopes import NEEDED, NOT_FOUND, QUICK
from tests.delivery_model.search import search
from tests.delivery_model.statements import ALL, Guards


@pytest.mark.parametrize("name", QUICK)
def test_every_order_of_events_ends_well(name: str) -> None:
    """Callers, workers, Envoy, crashes, lost leases and a person, in every order that there is."""
    found = search(QUICK[name])

    assert (found.reason, found.path) == ("", [])
    assert found.complete


@pytest.mark.parametrize("guard", NEEDED)
def test_without_a_guard_something_goes_wrong(guard: str) -> None:
    """The search finds what each guard is for, so that it would find a guard that is missing."""
    scope = QUICK[NEEDED[guard]]

    found = search(scope.without(guard))

    assert found.reason


def test_every_guard_is_accounted_for() -> None:
    """It is shown to be needed, or named as one that the search does not miss."""
    assert {*NEEDED, *NOT_FOUND} == set(Guards._fields)
    assert all(ALL)
