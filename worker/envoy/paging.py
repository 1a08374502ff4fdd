"""All pages of a list, known to be all of it; or no list at all.

Envoy's API reference: ``page`` counts from 1, ``perPage`` is 100 at most here, and their product
must not exceed 10,000.  Envoy may make its pages shorter than asked, so that a short page is not the
end.  A list is whole when as many items came as its own total says, or when a further page was empty.
A ``meta`` may be absent; where it is there, it is evidence.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from worker.envoy.identifiers import identifier
from worker.envoy.resources import Json
from worker.errors import OutcomeUnknown, Refused, RouteLost

# Returns the answer to a page's number, and to how many items a page shall have.
Fetch: TypeAlias = Callable[[int, int], Json]

PER_PAGE = 100
MOST_ITEMS = 10_000
MOST_PAGES = 500  # all that can be listed by 20; by one, some minutes of requests

TOO_MANY = "too_many_items"
REPEATS = "pages_repeat"
INCOMPLETE = "list_incomplete"
# Envoy answered, and its pages do not make up a list: nothing may be concluded from them.
NO_LIST = frozenset({TOO_MANY, REPEATS, INCOMPLETE})

# How Envoy says that there is no such page.
_NO_SUCH_PAGE = frozenset({400, 404})
_DIGITS = re.compile(r"[0-9]{1,15}")


def all_items(fetch: Fetch, *, whole: bool = False) -> list[Json]:
    """Return the items of all pages, each once and in Envoy's order.

    Items without a usable id are left out; *whole*: they make it no list.  What a list's own words
    contradict is read once more, since it may have changed while it was read.

    Raises:
        OutcomeUnknown: a code of NO_LIST where the list cannot be known to be complete.  Taken for a
            whole one it would say that an invite is not there.
    """
    first = _Reading(fetch, whole=whole)
    try:
        return first.items()
    except OutcomeUnknown as error:
        if error.error_code not in {REPEATS, INCOMPLETE}:
            raise
    # Where items are left out of a page after they were counted off, pages as short as what came
    # overlap: now they are asked for in the length that Envoy says.
    items = _Reading(fetch, whole=whole, by_number_received=False).items()
    if len(items) < len(first.found):  # longer pages may hide that there is more than the total says
        raise _incomplete("is shorter than it was a moment ago")
    return items


@dataclass(slots=True)
class _Reading:
    """One reading of a list, from its first page on."""

    fetch: Fetch
    whole: bool
    by_number_received: bool = True
    size: int = PER_PAGE  # what a page is asked to have
    seen: int = 0  # items that came, those without a usable id too
    total: int | None = None  # as last stated
    found: dict[str, Json] = field(default_factory=dict)

    def items(self) -> list[Json]:
        """Read to the end, and return what was found."""
        page = 1
        while not self._ends_with(page):
            page += 1
            if page > MOST_PAGES or page * self.size > MOST_ITEMS:
                if self._is_reached():
                    break
                raise OutcomeUnknown("Envoy lists more items than can be read", error_code=TOO_MANY)
        return list(self.found.values())

    def _ends_with(self, page: int) -> bool:
        """Take a page in, and say whether the list is known to end with it, or before it."""
        answer = self._answer(page)
        items = _items(answer)
        self._note_total(answer)
        if self._is_reached() and all(_key(item) in self.found for item in items):
            return True  # an empty page, or the last one again
        if not items and self.total is not None:
            raise _incomplete("ends before the number that it names")
        if not items:
            return True
        self._take(items)
        length = min(_number(answer, "perPage") or self.size, self.size)
        if page == 1:
            self.size = min(length, len(items)) if self.by_number_received else length
        # Of a full page the total may be that of this page alone: one more is asked for.
        return self._is_reached() and len(items) < length

    def _answer(self, page: int) -> Json:
        try:
            return self.fetch(page, self.size)
        except (Refused, RouteLost) as error:
            is_none = isinstance(error, Refused) and error.http_status in _NO_SUCH_PAGE
            if page == 1 or not (is_none or self._is_reached()):
                raise
            return {"data": []}

    def _note_total(self, answer: Json) -> None:
        """Take in how many items there are by now: what is made meanwhile comes last, and counts.

        Where one is taken away, those behind it move up, and one of them is on no page that is read.
        """
        total = _number(answer, "total")
        if total is None:
            return
        if self.total is not None and total < self.total:
            raise _incomplete("has become shorter while it was read")
        self.total = total

    def _is_reached(self) -> bool:
        return self.total is not None and self.seen >= self.total

    def _take(self, items: list[object]) -> None:
        keyed = dict(_by_id(items))
        without_id = sum(1 for item in items if _key(item) is None)
        if self.whole and without_id:
            raise _incomplete("holds an item without an id")
        if len(keyed) + without_id < len(items) or keyed.keys() & self.found.keys():
            raise OutcomeUnknown("Envoy repeats items of a list", error_code=REPEATS)
        self.found.update(keyed)
        self.seen += len(items)
        if self.total is not None and self.seen > self.total:
            raise _incomplete("has more items than it says")


def _incomplete(how: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"a list of Envoy's {how}", error_code=INCOMPLETE)


def _items(answer: Json) -> list[object]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise OutcomeUnknown("Envoy answered a list without data", error_code="bad_answer")
    return data


def _number(answer: Json, name: str) -> int | None:
    """Return a number of the answer's meta; None where there is none that could be a count."""
    meta = answer.get("meta")
    value = meta.get(name) if isinstance(meta, dict) else None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _by_id(items: list[object]) -> Iterator[tuple[str, Json]]:
    for item in items:
        key = _key(item)
        if isinstance(item, dict) and key is not None:
            yield key, item


def _key(item: object) -> str | None:
    return identifier(item.get("id")) if isinstance(item, dict) else None
