"""Things that only one thread may use at a time, lent to those that ask."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class AllLentError(Exception):
    """Nothing was given back in time."""


class Lender(Generic[_Item]):
    """Lends each of its items to one thread at a time, the one last used first."""

    def __init__(self, items: Iterable[_Item]) -> None:
        """Own *items*."""
        self._free: LifoQueue[_Item] = LifoQueue()
        self.items = tuple(items)
        for item in self.items:
            self._free.put(item)

    @contextmanager
    def lend(self, *, wait_seconds: float) -> Iterator[_Item]:
        """Lend an item for the length of the block; AllLentError where none is free in time."""
        try:
            item = self._free.get(timeout=wait_seconds)
        except Empty:
            raise AllLentError from None
        try:
            yield item
        finally:
            self._free.put(item)
