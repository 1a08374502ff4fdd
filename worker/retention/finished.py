"""The invites that are finished for long, found page by page."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.database import Database
from worker.invites import Attempt, Delivery, Invite
from worker.invites.states import FINISHED

INVITES = SQLModel.metadata.tables[str(Invite.__tablename__)]
DELIVERIES = SQLModel.metadata.tables[str(Delivery.__tablename__)]
ATTEMPTS = SQLModel.metadata.tables[str(Attempt.__tablename__)]

BATCH = 500  # rows of one transaction
DAY_SECONDS = 86_400.0
# PostgreSQL may find it cheap to read whole tables for a page; for each page of many it is not.
ONLY_BY_INDEX = sa.select(
    *(sa.func.set_config(f"enable_{way}", "off", True) for way in ("seqscan", "hashjoin", "mergejoin"))
)

Finished = sa.Select[tuple[int, int]]


def days_ago(database: Database, days: int) -> sa.ColumnElement[datetime]:
    """Return the expression for the time so many days ago, by the database's clock."""
    return database.later(-days * DAY_SECONDS)


def finished(database: Database, days: int, *, connection: str | None) -> Finished:
    """Select the finished rows, as ids of delivery and invite, of visits that were over *days* ago.

    Whatever was done about them since, by the caller or by us, begins the time anew.
    """
    own, visit = DELIVERIES.c, INVITES.c
    joined = sa.and_(visit.connection == own.connection, visit.external_id == own.external_id)
    over = sa.func.coalesce(visit.expected_departure_at, visit.expected_arrival_at)
    query = (
        sa.select(own.id, visit.id.label("invite_id"))
        .join(INVITES, joined)
        .where(*_at_rest(database, days), over < days_ago(database, days))
    )
    return query if connection is None else query.where(own.connection == connection)


def pages(
    database: Database, query: Finished, days: int, *, limit: int | None, more: Callable[[], bool]
) -> Iterator[Sequence[int]]:
    """Yield the ids of deliveries in pages, each read by itself; at most *limit*, and while *more* says so.

    Nothing is locked meanwhile: whoever acts on a page must look again.
    """
    left, after = limit, 0
    while more() and left != 0:
        with database.read() as connection:
            window = _window(connection, database, days, after)
            # Without an order PostgreSQL gives those that a limit leaves out in any order.
            page = query.order_by(DELIVERIES.c.id)
            ids = [row.id for row in _of(connection, page, window).fetchmany(left or BATCH)]
        if not window:
            return
        if ids:
            yield ids
        after, left = window[-1], None if left is None else left - len(ids)


def locked(
    connection: sa.Connection, query: Finished, ids: Sequence[int]
) -> Sequence[sa.Row[tuple[int, int]]]:
    """Return those rows of a page that are still as the query wants them, and stay so until the commit.

    A row that somebody else has locked is left out, so that nobody waits for anybody.  SQLite, which
    has one writer, needs no locks.
    """
    return _of(connection, query.with_for_update(skip_locked=True), ids).all()


def _at_rest(database: Database, days: int) -> tuple[sa.ColumnElement[bool], ...]:
    own = DELIVERIES.c
    return own.status.in_(sorted(FINISHED)), own.updated_at < days_ago(database, days)


def _window(connection: sa.Connection, database: Database, days: int, after: int) -> list[int]:
    """Return the next rows that may be meant: a page costs the same, however many were done before."""
    own = DELIVERIES.c
    query = sa.select(own.id).where(own.id > after, *_at_rest(database, days)).order_by(own.id).limit(BATCH)
    return list(connection.execute(query).scalars())


def _of(connection: sa.Connection, query: Finished, ids: Sequence[int]) -> sa.CursorResult[tuple[int, int]]:
    if connection.dialect.name == "postgresql":
        connection.execute(ONLY_BY_INDEX)
    return connection.execute(query.where(DELIVERIES.c.id.in_(ids)))


def count(database: Database, query: sa.Select[Any]) -> int:
    """Return how many rows a query has."""
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
