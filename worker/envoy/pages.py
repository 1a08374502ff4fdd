"""One page of a list: of each item only what is needed is kept, and the answer itself is dropped."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar, cast

from worker.envoy.resources import SHARED, Json

_DIGITS = re.compile(r"[0-9]{1,15}")


class Identified(Protocol):
    """What Envoy lists has an id."""

    @property
    def id(self) -> str:
        """The id."""


Item = TypeVar("Item", bound=Identified)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items of a page, None for each without a usable id; no items at all where it is no page.

    ``total`` and ``length`` are as its meta says; ``size`` is that of the answer, in bytes.
    """

    items: tuple[Item | None, ...] | None = field(repr=False)
    total: int | None = None
    length: int | None = None
    size: int = 0


def page_of(answer: Json, parse: Callable[[Json], Item | None], *, size: int = 0) -> Page[Item]:
    """Return what an answer says of a page; *parse* makes an item of each object."""
    data = answer.get("data")
    if not isinstance(data, list):
        return Page(None)
    items = tuple(parse(item) if isinstance(item, dict) else None for item in data)
    return Page(items, _number(answer, "total"), _number(answer, "perPage"), size)


def kept_bytes(item: Identified, shared: set[str]) -> int:
    """Return how much memory the texts of an item take that are not in *shared*, and put some there."""
    total = 0
    for one in fields(cast("Any", item)):
        value = getattr(item, one.name)
        if one.name in SHARED and isinstance(value, str):
            if value in shared:
                continue
            shared.add(value)
        total += _bytes_of(value)
    return total


def _bytes_of(value: object) -> int:
    if isinstance(value, tuple):
        return sys.getsizeof(value) + sum(map(sys.getsizeof, value))
    return sys.getsizeof(value) if isinstance(value, str) else 0


def _number(answer: Json, name: str) -> int | None:
    """Return a number of the answer's meta; None if there is none that could be a count."""
    meta = answer.get("meta")
    value = meta.get(name) if isinstance(meta, dict) else None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
