"""What pending rows say together, found by hops over their index: one for each name, not one for each row."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus
from worker.database import Database
from worker.database.statements.built_once import built_once
from worker.invites.literals import PENDING
from worker.invites.model import DELIVERIES


def oldest_due_seconds(database: Database, *, only: str | None = None) -> float | None:
    """Return for how long the invite that waits longest has been due, 0 if it is due later; None for none."""
    given = {} if only is None else {"only": only}
    with database.read() as reader:
        oldest, now = reader.execute(_oldest(database, only is None), given).one()
    if oldest is None:
        return None
    waits: float = (now - oldest) / timedelta(seconds=1)
    return max(0.0, waits)


@built_once
def _oldest(database: Database, of_all: bool) -> sa.Executable:
    own = DELIVERIES.c
    if of_all:
        each = names()
        of_each = _first(own.next_attempt_at, own.connection == each.c.name)
        moments = sa.select(of_each.label("moment")).select_from(each).subquery()
    else:
        of_one = _first(own.next_attempt_at, own.connection == sa.bindparam("only"))
        moments = sa.select(of_one.label("moment")).subquery()
    return sa.select(sa.func.min(moments.c.moment, type_=own.next_attempt_at.type), database.now())


def without_connection(database: Database) -> dict[str, int]:
    """Return how many invites wait for connections that are not there, by the connection's name."""
    with database.read() as connection:
        return {str(lost): int(found) for lost, found in connection.execute(_lost(database))}


@built_once
def _lost(_database: Database) -> sa.Select[Any]:
    own, name = DELIVERIES.c, lost_names().subquery().c.name
    number = sa.select(sa.func.count()).where(own.connection == name, own.status == PENDING)
    return sa.select(name, number.scalar_subquery())


def lost_names(each: sa.CTE | None = None) -> sa.Select[tuple[str]]:
    """Select the names that pending rows have and no connection has: a query, since they may be many.

    *each*: the names of pending rows, where a statement has them already.
    """
    each = names() if each is None else each
    is_there = sa.exists().where(
        CONNECTIONS.c.name == each.c.name, CONNECTIONS.c.status != ConnectionStatus.REMOVED
    )
    return sa.select(each.c.name).where(each.c.name.is_not(None), ~is_there)


def names() -> sa.CTE:
    """Return the names that pending rows have, in their order, and at the end one null."""
    found = sa.select(_first(DELIVERIES.c.connection).label("name")).cte("names", recursive=True)
    following = _first(DELIVERIES.c.connection, DELIVERIES.c.connection > found.c.name)
    return found.union_all(sa.select(following).where(found.c.name.is_not(None)))


def _first(column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """Return a column of the first pending row, in the order of the index, which no other index has."""
    own = DELIVERIES.c
    first = sa.select(column).where(own.status == PENDING, *where)
    return first.order_by(own.connection, own.next_attempt_at, own.id).limit(1).scalar_subquery()
