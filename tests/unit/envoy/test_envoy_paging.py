"""Lists that come in pages."""

import pytest

from worker.envoy.paging import MOST_ITEMS, PER_PAGE, all_items
from worker.envoy.resources import Json
from worker.errors import OutcomeUnknown


class Pages:
    """A list of a given length, cut into pages as Envoy does."""

    def __init__(self, length: int) -> None:
        self.asked: list[int] = []
        self._items: list[object] = [{"id": str(number)} for number in range(length)]

    def __call__(self, page: int) -> Json:
        """Note which page is asked for, and return it."""
        self.asked.append(page)
        return {"data": self._items[(page - 1) * PER_PAGE : page * PER_PAGE]}


@pytest.mark.parametrize(
    ("length", "pages"),
    [(0, 1), (1, 1), (PER_PAGE - 1, 1), (PER_PAGE, 2), (PER_PAGE + 1, 2), (3 * PER_PAGE, 4)],
)
def test_pages_are_read_until_one_is_short_or_empty(length: int, pages: int) -> None:
    """Every item comes once, in Envoy's order, and no page is asked for in vain."""
    fetch = Pages(length)

    found = all_items(fetch)

    assert [str(number) for number in range(length)] == [item["id"] for item in found]
    assert list(range(1, pages + 1)) == fetch.asked


def test_an_item_that_slid_to_the_next_page_comes_once() -> None:
    """Somebody adds a location while the pages are read."""
    first: list[object] = [{"id": number} for number in range(PER_PAGE)]
    pages = {1: first, 2: [{"id": PER_PAGE - 1}, {"id": PER_PAGE}]}

    assert len(all_items(lambda page: {"data": pages[page]})) == PER_PAGE + 1


def test_a_server_that_knows_no_pages_is_read_once() -> None:
    """More than a page at once is all there is."""
    everything: list[object] = [{"id": number} for number in range(PER_PAGE + 50)]
    asked: list[int] = []

    def fetch(page: int) -> Json:
        asked.append(page)
        return {"data": everything}

    assert len(all_items(fetch)) == PER_PAGE + 50
    assert asked == [1]


def test_a_page_that_repeats_for_ever_is_an_error() -> None:
    """A list that may be incomplete must not pass for a whole one."""
    with pytest.raises(OutcomeUnknown) as caught:
        all_items(lambda _page: Pages(PER_PAGE)(1))

    assert caught.value.error_code == "pages_repeat"


def test_more_items_than_envoy_can_page_are_an_error() -> None:
    """Page times perPage must not exceed 10,000; nothing beyond is asked for."""
    fetch = Pages(MOST_ITEMS + 1)

    with pytest.raises(OutcomeUnknown) as caught:
        all_items(fetch)

    assert caught.value.error_code == "too_many_items"
    assert fetch.asked[-1] == MOST_ITEMS // PER_PAGE


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": None}, {"data": "x"}])
def test_a_list_without_data_is_a_bad_answer(answer: Json) -> None:
    """An answer that is no list is not an empty list."""
    with pytest.raises(OutcomeUnknown) as caught:
        all_items(lambda _page: answer)

    assert caught.value.error_code == "bad_answer"


def test_items_without_a_usable_id_are_passed_over() -> None:
    """One broken item does not hide the others."""
    items: list[object] = [None, "x", {}, {"id": None}, {"id": []}, {"id": ".."}, {"id": 7}]

    assert all_items(lambda _page: {"data": items}) == [{"id": 7}]
