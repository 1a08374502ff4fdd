"""Connections whose directory is to be read again, a few at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus
from worker.connections.usable.holds import is_held
from worker.database import Database
from worker.database.ahead import is_still_to_be

# A literal, not a bound value: PostgreSQL's generic plans use a partial index only for a literal.
ACTIVE = sa.literal_column(f"'{ConnectionStatus.ACTIVE}'", sa.Text())


class Due(NamedTuple):
    """A connection whose directory is due; ``now`` is the database's time when that was seen."""

    id: int
    name: str
    is_held: bool
    now: datetime


class DuePages:
    """Gives the connections that are due in the order of their ids, each once."""

    def __init__(self, database: Database, *, max_age: float, only: str | None) -> None:
        """Take the age in seconds from which on a directory is due, and the one connection that is wanted."""
        self._database = database
        self._after = 0
        own = CONNECTIONS.c
        read_at = own.directory_refreshed_at
        # What lies ahead was read by a clock that was wrong: nobody knows when.
        lies_ahead = is_still_to_be(database, read_at)
        is_due = read_at.is_(None) | (read_at <= database.later(-max_age)) | lies_ahead
        wanted = [is_due] if only is None else [is_due, own.name == only]
        self._query = (
            sa.select(own.id, own.name, is_held(database).label("is_held"), database.now().label("now"))
            .where(own.id > sa.bindparam("after"), own.status == ACTIVE, *wanted)
            .order_by(own.id)
            .limit(sa.bindparam("most"))
        )

    def next(self, most: int) -> Sequence[Due]:
        """Return the next few as they stand now; empty if that was all."""
        with self._database.read() as connection:
            rows = connection.execute(self._query, {"after": self._after, "most": most}).all()
        found = [Due(*row) for row in rows]
        if found:
            self._after = found[-1].id
        return found
