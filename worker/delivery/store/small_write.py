"""A small write of somebody who waits for it, in the same transaction as claims and verdicts."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from worker.delivery.store.entries import Part, Waited

Result = TypeVar("Result")


class SmallWrite(Waited, Generic[Result]):
    """What is called within the transaction; ``result`` is what it returned."""

    result: Result

    def __init__(self, work: Callable[[sa.Connection], Result]) -> None:
        """Take what is to be called."""
        super().__init__(SMALL_WRITES)
        self.work = work


class _SmallWrites(Part):
    def write(self, connection: sa.Connection, entries: Sequence[SmallWrite[Any]]) -> None:
        for entry in entries:
            entry.result = entry.work(connection)


SMALL_WRITES = _SmallWrites()
