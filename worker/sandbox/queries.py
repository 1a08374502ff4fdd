"""Filters, order and pages of the lists, as query parameters ask for them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from worker.sandbox.refusals import Refused, bad_request
from worker.sandbox.values import Record, instant_text

# Envoy refuses to page beyond this many records of one query.
DEEPEST = 10_000
_COUNT = re.compile(r"[1-9][0-9]{0,8}")

Predicate = Callable[[Record], bool]
Filter = Callable[[str], Predicate]


@dataclass(frozen=True, slots=True)
class Shape:
    """What one list understands: filters by parameter, sort words by field, the longest page."""

    filters: Mapping[str, Filter]
    sorts: Mapping[str, str] = field(default_factory=dict)
    longest_page: int = DEEPEST


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page a query asks for."""

    page: int
    per_page: int

    def of(self, found: Sequence[Record]) -> list[Record]:
        """Return the records of that page."""
        start = (self.page - 1) * self.per_page
        return list(found[start : start + self.per_page])


def page_of(records: Sequence[Record], query: Mapping[str, str], shape: Shape) -> Record:
    """Return the envelope with the page that a query asks for; Refused with 400 if it cannot be read."""
    asked = asked_page(query, shape)
    found = matching(records, query, shape)
    meta = {"page": asked.page, "perPage": asked.per_page, "total": len(found)}
    return {"data": asked.of(found), "meta": meta}


def asked_page(query: Mapping[str, str], shape: Shape) -> Asked:
    """Return the page that a query asks for; Refused with 400 if there can be no such page."""
    page, per_page = _number(query, "page", 1), _number(query, "perPage", 100)
    if per_page > shape.longest_page or page * per_page > DEEPEST:
        raise bad_request(f"perPage is at most {shape.longest_page}, page x perPage at most {DEEPEST}")
    return Asked(page, per_page)


def matching(records: Sequence[Record], query: Mapping[str, str], shape: Shape) -> list[Record]:
    """Return all records that a query finds, in the order that it asks for."""
    wanted = [shape.filters[name](value) for name, value in query.items() if name in shape.filters]
    return _ordered([r for r in records if all(test(r) for test in wanted)], query, shape)


def _ordered(found: list[Record], query: Mapping[str, str], shape: Shape) -> list[Record]:
    order = query.get("order", "ASC").upper()
    if order not in ("ASC", "DESC"):
        raise _unreadable("order")
    if "sort" in query:
        if query["sort"] not in shape.sorts:
            raise _unreadable("sort")
        key = shape.sorts[query["sort"]]
        found = sorted(found, key=lambda record: str(record[key]))
    return found[::-1] if order == "DESC" else found


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not _COUNT.fullmatch(text):
        raise _unreadable(name)
    return int(text)


def _unreadable(name: str) -> Refused:
    return bad_request(f"{name} cannot be read")


def any_of(key: str) -> Filter:
    """Return a filter by a comma list of exact values."""

    def compiled(value: str) -> Predicate:
        values = set(value.split(","))
        return lambda record: str(record[key]) in values

    return compiled


def flag(key: str) -> Filter:
    """Return a filter by ``true`` or ``false``."""

    def compiled(value: str) -> Predicate:
        if value not in ("true", "false"):
            raise _unreadable(key)
        return lambda record: record[key] is (value == "true")

    return compiled


def part_of(*path: str) -> Filter:
    """Return a filter by a part of a text, in any case; the text may lie inside another object."""

    def compiled(value: str) -> Predicate:
        # Envoy says "partial" for employees only; a client that is ready for it everywhere is safe.
        part = value.casefold()
        return lambda record: part in (_inner(record, path) or "").casefold()

    return compiled


def _inner(record: Record, path: Sequence[str]) -> str | None:
    value: object = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def since(key: str) -> Filter:
    """Return a filter for instants at or after the one given."""

    def compiled(value: str) -> Predicate:
        bound = _bound(key, value)
        return lambda record: record[key] >= bound

    return compiled


def until(key: str) -> Filter:
    """Return a filter for instants at or before the one given."""

    def compiled(value: str) -> Predicate:
        bound = _bound(key, value)
        return lambda record: record[key] <= bound

    return compiled


def _bound(key: str, value: str) -> str:
    try:
        return instant_text(value)
    except ValueError:
        raise _unreadable(key) from None
