"""All pages of a list.

Envoy's API reference: ``page`` counts from 1, ``perPage`` is 100 at most here, and their product
must not exceed 10,000.  The ``meta`` of an answer is not relied on.
"""

from collections.abc import Callable, Iterator

from worker.envoy.resources import Json, identifier
from worker.errors import OutcomeUnknown

PER_PAGE = 100
MOST_ITEMS = 10_000


def all_items(fetch: Callable[[int], Json]) -> list[Json]:
    """Return the items of all pages, each once; *fetch* returns the answer to a page's number.

    OutcomeUnknown where the list cannot be known to be complete: an incomplete list taken for a
    whole one would say that an invite is not there.
    """
    found: dict[str, Json] = {}
    for page in range(1, MOST_ITEMS // PER_PAGE + 1):
        items = _items(fetch(page))
        known = len(found)
        found.update(_by_id(items))
        # More than was asked for is an answer that knows no pages: it is all there is.
        if len(items) != PER_PAGE:
            return list(found.values())
        if len(found) == known:
            raise OutcomeUnknown("Envoy repeats a page of a list", error_code="pages_repeat")
    raise OutcomeUnknown(f"Envoy lists more than {MOST_ITEMS} items", error_code="too_many_items")


def _items(answer: Json) -> list[object]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise OutcomeUnknown("Envoy answered a list without data", error_code="bad_answer")
    return data


def _by_id(items: list[object]) -> Iterator[tuple[str, Json]]:
    for item in items:
        key = identifier(item.get("id")) if isinstance(item, dict) else None
        if isinstance(item, dict) and key is not None:
            yield key, item
