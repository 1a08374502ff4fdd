"""Two parties at one row: the second one acts right before the first one's statement takes effect."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event

from worker.database import Database
from worker.database.sqlite.connecting import READ_ONLY
from worker.failpoints import armed

TABLES = ("connection", "host", "invite", "delivery")
Seen: TypeAlias = Mapping[str, list[dict[str, Any]]]


@contextmanager
def overtaken(database: Database, by: Callable[[], object], *, at: str = "delivery") -> Iterator[None]:
    """Let *by* happen within the block right before the first writing transaction touches a table.

    On PostgreSQL that is between the transaction's begin and its first statement on table *at*, or right
    before all of it where it is sent as a whole.  SQLite has one writer at a time, so there it is right
    before that transaction begins: nothing can come later.
    """
    moment = _Moment(by, "BEGIN IMMEDIATE" if database.is_sqlite else at)
    event.listen(database.engine, "before_cursor_execute", moment.is_executed)
    try:
        with armed("before_group_commit", action=moment.come):
            yield
    finally:
        event.remove(database.engine, "before_cursor_execute", moment.is_executed)
    assert moment.is_over, f"no transaction has written to {at}"


def stored(database: Database, tables: tuple[str, ...] = TABLES) -> Seen:
    """Return every row of the tables that callers and workers compare, as it stands."""
    with database.read() as connection:
        return {
            table: [
                dict(row)
                for row in connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1")).mappings()  # noqa: S608
            ]
            for table in tables
        }


class _Moment:
    """The one moment at which the other party acts: before the first statement that has these words."""

    def __init__(self, by: Callable[[], object], words: str) -> None:
        self._by = by
        self._words = f" {words} "
        self.is_over = False

    def is_executed(self, connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        writes = not connection.get_execution_options().get(READ_ONLY, False)
        if writes and self._words in f" {' '.join(statement.split())} ":
            self.come()

    def come(self) -> None:
        """Let the other party act, if it has not."""
        if not self.is_over:
            self.is_over = True
            self._by()
