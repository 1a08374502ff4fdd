"""Things that only one thread may use at a time, lent to those that ask."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class AllLentError(Exception):
    """Nothing was given back in time."""


class Lender(Generic[_Item]):
    """Lends each of its items to one thread at a time, the one last used first.

    They are made when they are needed.  Neither lending nor giving back takes a lock while no thread
    waits: a list's ``pop`` and ``append`` are each one step of the interpreter.
    """

    def __init__(self, make: Callable[[], _Item], most: int) -> None:
        """Own *most* items, each made by *make*."""
        self._make = make
        self._most = most
        self._free: list[_Item] = []
        self._made: list[_Item] = []
        self._waiting = 0
        self._given_back = threading.Condition()

    @property
    def items(self) -> tuple[_Item, ...]:
        """All items that were made."""
        return tuple(self._made)

    def take(self, wait_seconds: float) -> _Item:
        """Lend an item until it is given back; AllLentError where none is free in time."""
        try:
            return self._free.pop()
        except IndexError:
            return self._made_or_awaited(wait_seconds)

    def give_back(self, item: _Item) -> None:
        """Take back an item that was lent."""
        self._free.append(item)
        # Who begins to wait after this look finds the item before it waits.
        if self._waiting:
            with self._given_back:
                self._given_back.notify()

    def _made_or_awaited(self, wait_seconds: float) -> _Item:
        with self._given_back:
            if len(self._made) < self._most:
                item = self._make()
                self._made.append(item)
                return item
            self._waiting += 1
            try:
                return self._awaited(wait_seconds)
            finally:
                self._waiting -= 1

    def _awaited(self, wait_seconds: float) -> _Item:
        found: list[_Item] = []

        def is_found() -> bool:
            try:
                found.append(self._free.pop())
            except IndexError:
                return False
            return True

        if not self._given_back.wait_for(is_found, wait_seconds):
            raise AllLentError
        return found[0]
