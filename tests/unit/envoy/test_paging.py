"""Lists that come in pages."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy import paging
from worker.envoy.pages import page_of
from worker.envoy.paging import MOST_ITEMS, MOST_PAGES, NO_LIST, PER_PAGE
from worker.envoy.resources import Flow, Json, flow
from worker.errors import EnvoyError, NotFound, OutcomeUnknown, Refused, RouteLost


class Pages:
    """A list of a given length, cut into pages as Envoy does, and no longer than *cap*."""

    def __init__(
        self, length: int, *, cap: int = PER_PAGE, meta: Callable[[int, int], Json] | None = None
    ) -> None:
        self.asked: list[tuple[int, int]] = []
        self.length = length
        self._items = [{"id": str(number)} for number in range(length)]
        self._cap = cap
        self._meta = meta or (lambda _total, _size: {})

    def __call__(self, page: int, size: int) -> Json:
        """Note which page is asked for, and return it."""
        self.asked.append((page, size))
        size = min(size, self._cap)
        return {"data": self._items[(page - 1) * size : page * size], "meta": self._meta(self.length, size)}


def honest(total: int, size: int) -> Json:
    """Say how many there are, and how long a page is."""
    return {"total": total, "perPage": size}


def total_only(total: int, _size: int) -> Json:
    """Say how many there are."""
    return {"total": total}


def echo(total: int, _size: int) -> Json:
    """Say how many there are, and what was asked for in place of what came."""
    return {"total": str(total), "perPage": PER_PAGE}


def all_items(fetch: Callable[[int, int], Json], *, size: int = 0, **options: Any) -> list[Flow]:
    """Read a list of which every page has so many bytes."""
    return paging.all_items(lambda page, length: page_of(fetch(page, length), flow, size=size), **options)


def failure(fetch: Callable[[int, int], Json], **options: Any) -> str:
    """Return the code with which reading a list ends."""
    with pytest.raises(OutcomeUnknown) as caught:
        all_items(fetch, **options)
    return caught.value.error_code


@given(
    length=st.integers(0, 130),
    cap=st.sampled_from([1, 7, 20, 50, 99, 100]),
    meta=st.sampled_from([None, honest, total_only, echo]),
)
def test_all_of_a_list_is_read_however_short_its_pages_are(
    length: int, cap: int, meta: Callable[[int, int], Json] | None
) -> None:
    """Every item comes once, in Envoy's order, and pages are asked for one after the other."""
    fetch = Pages(length, cap=cap, meta=meta)

    found = all_items(fetch)

    assert [str(number) for number in range(length)] == [item.id for item in found]
    assert [page for page, _ in fetch.asked] == list(range(1, len(fetch.asked) + 1))


@pytest.mark.parametrize(
    ("length", "meta", "asked"),
    [
        (0, None, [(1, 100)]),
        (0, honest, [(1, 100)]),
        (7, honest, [(1, 100)]),
        (7, None, [(1, 100), (2, 7)]),
        (30, honest, [(1, 100), (2, 20)]),
        (20, honest, [(1, 100), (2, 20)]),
        (40, None, [(1, 100), (2, 20), (3, 20)]),
    ],
)
def test_a_further_page_is_asked_for_only_where_it_may_say_something(
    length: int, meta: Callable[[int, int], Json] | None, asked: list[tuple[int, int]]
) -> None:
    """A total that was reached ends the list, unless by a full page; without one an empty page does."""
    fetch = Pages(length, cap=20, meta=meta)

    all_items(fetch)

    assert fetch.asked == asked


def test_a_server_that_goes_on_by_what_was_asked_is_read_whole() -> None:
    """It gives 20 of the 100 that are asked for, and counts 100 as given: so it is asked for 20."""

    def fetch(page: int, size: int) -> Json:
        start = (page - 1) * size
        return {"data": [{"id": str(number)} for number in range(start, min(start + min(size, 20), 45))]}

    assert len(all_items(fetch)) == 45


def test_a_server_that_leaves_items_out_of_its_pages_is_read_whole() -> None:
    """Going on by the number received shows some twice; the second reading goes by the page's length."""

    def fetch(page: int, size: int) -> Json:
        numbers = range((page - 1) * size, min(page * size, 250))
        return {"data": [{"id": str(number)} for number in numbers if number % 10]}

    assert len(all_items(fetch)) == 225


def scripted(*readings: list[Json | Exception]) -> Callable[[int, int], Json]:
    """Return what answers each page of each reading in turn."""
    answers = [answer for reading in readings for answer in reading]

    def fetch(_page: int, _size: int) -> Json:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return fetch


def page(*ids: int, **meta: object) -> Json:
    """Return an answer with these items."""
    return {"data": [{"id": str(number)} for number in ids], "meta": meta}


@pytest.mark.parametrize("error", [Refused(http_status=400), NotFound(http_status=404)])
def test_a_page_that_does_not_exist_counts_as_empty(error: Refused) -> None:
    """Where no total says that there must be more; the first page always exists."""
    assert len(all_items(scripted([page(1, 2), error]))) == 2
    assert failure(scripted([page(1, total=2), error], [page(1, total=2), error])) == "list_incomplete"
    with pytest.raises(Refused):
        all_items(scripted([error]))


def test_another_refusal_of_a_page_is_no_end() -> None:
    """403 or 422 says nothing about what is there."""
    with pytest.raises(Refused):
        all_items(scripted([page(1), Refused(http_status=422)]))


@pytest.mark.parametrize("error", [Refused(http_status=422), RouteLost(http_status=404)])
def test_no_answer_to_a_page_beyond_a_total_that_was_reached_makes_it_less_whole(error: EnvoyError) -> None:
    """The page was full, so that one more was asked for; that there is none may be said in any way."""
    assert len(all_items(scripted([page(1, 2, total=2, perPage=2), error]))) == 2
    with pytest.raises(type(error)):
        all_items(scripted([page(1, 2, total=3, perPage=2), error]))


@pytest.mark.parametrize(("cap", "low"), [(1, 20), (1, 59), (20, 40)])
def test_a_total_that_is_too_low_is_not_believed_the_second_time_either(cap: int, low: int) -> None:
    """Pages shorter than asked, and a meta that does not say so: more was seen a moment ago."""
    assert failure(Pages(60, cap=cap, meta=lambda _total, _size: {"total": low})) == "list_incomplete"


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        ([page(1, 2, total=1)], "list_incomplete"),
        ([page(1, 2, total=0)], "list_incomplete"),
        ([page(1, total=2), page()], "list_incomplete"),
        ([page(total=2)], "list_incomplete"),
        ([page(1, 2, total=4), page(3, total=3)], "list_incomplete"),
        ([page(1, total=1, perPage=1), page(2, total=1)], "list_incomplete"),
        ([page(1, 2), page(2, 3)], "pages_repeat"),
        ([page(1, 1)], "pages_repeat"),
        ([page(1, 2), page(1, 2)], "pages_repeat"),
        ([page(1, 2, total=4), page(1, 2, total=4)], "pages_repeat"),
    ],
)
def test_what_its_own_words_contradict_is_read_once_more_and_then_is_no_list(
    reading: list[Json | Exception], code: str
) -> None:
    """It may have changed while it was read; a second time in a row it is not believed."""
    assert failure(scripted(reading, reading)) == code
    assert code in NO_LIST
    assert len(all_items(scripted(reading, [page(1, 2, 3, total=3)]))) == 3


def test_a_list_that_grows_while_it_is_read_is_whole_when_its_newest_total_is_reached() -> None:
    """A busy account must not keep all look-ups from being made."""
    assert len(all_items(scripted([page(1, 2, total=3, perPage=2), page(3, 4, total=4), page(total=4)]))) == 4
    assert len(all_items(scripted([page(1, 2, total=2, perPage=2), page(3, total=3, perPage=2)]))) == 3


def test_the_last_page_again_is_the_end_where_the_total_was_reached() -> None:
    """A full page is asked on from, in case its total is that of this page alone."""
    last = page(3, 4, total=4, perPage=2)

    assert len(all_items(scripted([page(1, 2, total=4, perPage=2), last, last]))) == 4


@pytest.mark.parametrize("total", [None, -1, 2.0, "two", "-1", [], {}, True, "9" * 40])
def test_a_total_that_is_no_number_is_none(total: object) -> None:
    """Nothing needs it: an empty page ends the list."""
    assert len(all_items(scripted([page(1, 2, total=total, perPage=total), page()]))) == 2


@pytest.mark.parametrize("meta", [None, [], "x", 7])
def test_a_meta_that_is_no_object_is_none(meta: object) -> None:
    """Nothing needs it."""
    assert len(all_items(scripted([{"data": [{"id": 1}], "meta": meta}, {"data": [], "meta": meta}]))) == 1


def test_more_items_than_envoy_can_page_are_an_error() -> None:
    """Page times perPage must not exceed 10,000; nothing beyond is asked for, and nothing twice."""
    fetch = Pages(MOST_ITEMS + 1, meta=honest)

    assert failure(fetch) == "too_many_items"
    assert fetch.asked[-1] == (MOST_ITEMS // PER_PAGE, PER_PAGE)
    assert len(fetch.asked) == MOST_ITEMS // PER_PAGE
    assert len(all_items(Pages(MOST_ITEMS, meta=honest))) == MOST_ITEMS


def test_a_list_costs_so_many_requests_at_most() -> None:
    """Pages of one item each would be asked for by the hour."""
    fetch = Pages(MOST_PAGES + 1, cap=1)

    assert failure(fetch) == "too_many_items"
    assert len(fetch.asked) == MOST_PAGES


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": None}, {"data": "x"}])
def test_a_list_without_data_is_a_bad_answer(answer: Json) -> None:
    """An answer that is no list is not an empty list."""
    assert failure(lambda _page, _size: answer) == "bad_answer"


ODD: list[object] = [None, "x", {}, {"id": None}, {"id": []}, {"id": ".."}, {"id": 7}]


def test_items_without_a_usable_id_are_passed_over_and_counted() -> None:
    """One broken item does not hide the others, and the total counts it."""
    (found,) = all_items(scripted([{"data": ODD, "meta": {"total": 7}}]))
    assert found.id == "7"


def test_where_each_item_matters_one_without_an_id_makes_it_no_list() -> None:
    """It may be the very one that is sought."""
    answer: Json = {"data": ODD, "meta": {"total": 7}}

    assert failure(scripted([answer], [answer]), whole=True) == "list_incomplete"
