"""All pages of a list, known to be all of it; or no list at all.

Envoy's API reference: ``page`` counts from 1, ``perPage`` is 100 at most here, and their product
must not exceed 10,000.  Envoy may make its pages shorter than asked, so that a short page is not the
end.  A list is whole when as many items came as its own total says, or when a further page was empty.
A ``meta`` may be absent; where it is there, it is evidence.  What was received, and what is kept of it,
have their bounds, since several threads read lists at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias

from worker.envoy.pages import Item, Page, kept_bytes
from worker.errors import OutcomeUnknown, Refused, RouteLost

# Returns a page by its number, and by how many items it shall have.
Fetch: TypeAlias = Callable[[int, int], Page[Item]]

PER_PAGE = 100
MOST_ITEMS = 10_000
MOST_PAGES = 500  # all that can be listed by 20; by one, some minutes of requests
MOST_RECEIVED = 50_000_000  # bytes: of 10,000 items 5,000 each
MOST_KEPT = 2_000_000  # bytes: of 10,000 locations 200 each, without what many share

TOO_MANY = "too_many_items"
TOO_LARGE = "list_too_large"
REPEATS = "pages_repeat"
INCOMPLETE = "list_incomplete"
# Envoy answered, and its pages do not make up a list: nothing may be concluded from them.
NO_LIST = frozenset({TOO_MANY, TOO_LARGE, REPEATS, INCOMPLETE})
# Those of them that will be no other at the next reading.
BEYOND_BOUNDS = frozenset({TOO_MANY, TOO_LARGE})

# How Envoy says that there is no such page.
_NO_SUCH_PAGE = frozenset({400, 404})


def all_items(fetch: Fetch[Item], *, whole: bool = False) -> list[Item]:
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
    number = len(first.found)
    del first  # what it has read is not kept beside the second reading
    # Where items are left out of a page after they were counted off, pages as short as what came
    # overlap: now they are asked for in the length that Envoy says.
    items = _Reading(fetch, whole=whole, by_number_received=False).items()
    if len(items) < number:  # longer pages may hide that there is more than the total says
        raise _incomplete("is shorter than it was a moment ago")
    return items


@dataclass(slots=True)
class _Reading(Generic[Item]):
    """One reading of a list, from its first page on."""

    fetch: Fetch[Item]
    whole: bool
    by_number_received: bool = True
    size: int = PER_PAGE  # what a page is asked to have
    seen: int = 0  # items that came, those without a usable id too
    total: int | None = None  # as last stated
    received: int = 0  # bytes of all answers
    kept: int = 0  # bytes of what is found
    found: dict[str, Item] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)  # texts that more than one item may have

    def items(self) -> list[Item]:
        """Read to the end, and return what was found."""
        number = 1
        while not self._ends_with(number):
            number += 1
            if number > MOST_PAGES or number * self.size > MOST_ITEMS:
                if self._is_reached():
                    break
                raise _too_many()
        return list(self.found.values())

    def _ends_with(self, number: int) -> bool:
        """Take a page in, and say whether the list is known to end with it, or before it."""
        page = self._page(number)
        if page.items is None:
            raise OutcomeUnknown("Envoy answered a list without data", error_code="bad_answer")
        items = page.items
        self._note_total(page.total)
        if self._is_reached() and all(item is not None and item.id in self.found for item in items):
            return True  # an empty page, or the last one again
        if not items and self.total is not None:
            raise _incomplete("ends before the number that it names")
        if not items:
            return True
        self._take(items)
        self._bound(page)
        length = min(page.length or self.size, self.size)
        if number == 1:
            self.size = min(length, len(items)) if self.by_number_received else length
        # Of a full page the total may be that of this page alone: one more is asked for.
        return self._is_reached() and len(items) < length

    def _page(self, number: int) -> Page[Item]:
        try:
            return self.fetch(number, self.size)
        except (Refused, RouteLost) as error:
            is_none = isinstance(error, Refused) and error.http_status in _NO_SUCH_PAGE
            if number == 1 or not (is_none or self._is_reached()):
                raise
            return Page(())

    def _note_total(self, total: int | None) -> None:
        """Take in how many items there are by now: what is made during the reading comes last, and counts.

        Where one is taken away, those behind it move up, and one of them is on no page that is read.
        """
        if total is None:
            return
        if self.total is not None and total < self.total:
            raise _incomplete("has become shorter while it was read")
        self.total = total

    def _is_reached(self) -> bool:
        return self.total is not None and self.seen >= self.total

    def _take(self, items: tuple[Item | None, ...]) -> None:
        keyed = {item.id: item for item in items if item is not None}
        without_id = items.count(None)
        if self.whole and without_id:
            raise _incomplete("holds an item without an id")
        if len(keyed) + without_id < len(items) or keyed.keys() & self.found.keys():
            raise OutcomeUnknown("Envoy repeats items of a list", error_code=REPEATS)
        self.found.update(keyed)
        self.seen += len(items)
        if self.seen > MOST_ITEMS:  # pages may be longer than asked for
            raise _too_many()
        if self.total is not None and self.seen > self.total:
            raise _incomplete("has more items than it says")

    def _bound(self, page: Page[Item]) -> None:
        """Refuse a list that is larger than what can be read in bounded memory and time."""
        self.received += page.size
        self.kept += sum(kept_bytes(item, self.shared) for item in page.items or () if item is not None)
        if self.received > MOST_RECEIVED or self.kept > MOST_KEPT:
            raise OutcomeUnknown("Envoy's list is larger than can be read", error_code=TOO_LARGE)


def _too_many() -> OutcomeUnknown:
    return OutcomeUnknown("Envoy lists more items than can be read", error_code=TOO_MANY)


def _incomplete(how: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"a list of Envoy's {how}", error_code=INCOMPLETE)
