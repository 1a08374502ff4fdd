"""Bounds of a list: of what comes, of how many items it has, and of what is kept of them."""

import json
from collections.abc import Callable

import pytest

from worker.envoy.pages import Page, page_of
from worker.envoy.paging import MOST_ITEMS, NO_LIST, all_items
from worker.envoy.resources import Flow, Json, Location, flow, location
from worker.errors import OutcomeUnknown


def failure(fetch: Callable[[int, int], Page[Flow]]) -> str:
    """Return the code with which reading a list ends."""
    with pytest.raises(OutcomeUnknown) as caught:
        all_items(fetch)
    return caught.value.error_code


def page_from(first: int, number: int = 100) -> Json:
    """Return an answer with so many items, which have nothing but an id."""
    return {"data": [{"id": str(each)} for each in range(first, first + number)]}


def test_a_list_ends_at_a_bound_of_what_is_received() -> None:
    """Where each page is as long as an answer may be, nothing is concluded after the twenty-sixth."""
    asked: list[int] = []

    def fetch(page: int, _size: int) -> Page[Flow]:
        asked.append(page)
        return page_of(page_from(100 * page), flow, size=2_000_000)

    assert failure(fetch) == "list_too_large"
    assert len(asked) == 26
    assert "list_too_large" in NO_LIST


def test_a_list_ends_at_a_bound_of_what_is_kept() -> None:
    """Types of 100,000 letters would fill the memory, though no page is long."""

    def fetch(page: int, _size: int) -> Json:
        keys = [f"{page}-{number}" for number in range(20)]
        return {"data": [{"id": key, "type": key + "x" * 100_000} for key in keys]}

    assert failure(lambda page, size: page_of(fetch(page, size), flow)) == "list_too_large"


def test_a_full_list_of_ordinary_items_is_within_the_bounds() -> None:
    """10,000 flows, each with the names that customers give."""

    def fetch(page: int, size: int) -> Json:
        numbers = range((page - 1) * size, min(page * size, MOST_ITEMS))
        items = [
            {"id": str(1000000 + n), "name": f"Visitors of building {n}", "type": "VISITOR"} for n in numbers
        ]
        return {"data": items, "meta": {"total": MOST_ITEMS, "perPage": size}}

    assert len(all_items(lambda page, size: page_of(fetch(page, size), flow, size=200_000))) == MOST_ITEMS


def test_pages_that_are_longer_than_asked_for_make_no_longer_list() -> None:
    """Tiny items, thousands on a page: each takes many times its length in memory."""
    assert failure(lambda _page, _size: page_of(page_from(0, MOST_ITEMS + 1), flow)) == "too_many_items"


def test_what_many_items_share_is_in_memory_once_and_counts_once() -> None:
    """Ten thousand sites of one company, in a few zones, are a list."""
    zone, company = "America/Argentina/ComodRivadavia", "c" * 64

    def fetch(number: int, _size: int) -> Page[Location]:
        shared = json.loads(json.dumps({"timezone": zone, "companyId": company}))  # as a new answer has it
        data = [
            {"id": f"{number}-{each}", "name": f"{number:03}" + "x" * 80, **shared} for each in range(100)
        ]
        return page_of({"data": data, "meta": {"total": MOST_ITEMS}}, location)

    found = all_items(fetch)

    assert len(found) == MOST_ITEMS
    assert len({id(item.timezone) for item in found}) == 1
