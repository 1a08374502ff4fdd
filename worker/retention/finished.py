"""The invites that are finished for long, found page by page, those that were over first before others."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.invites.model import DELIVERIES, INVITES, JOINED
from worker.invites.states import FINISHED

BATCH = 500  # rows of one transaction
READ_AT_ONCE = 50_000  # ids: anyone who wants the oldest looks through all, so that it is done rarely
# PostgreSQL may find it cheap to read whole tables for a page; for each page of many it is not.
ONLY_BY_INDEX = sa.select(
    *(sa.func.set_config(f"enable_{way}", "off", True) for way in ("seqscan", "hashjoin", "mergejoin"))
)
# As the database writes it, since SQLite has several spellings of a moment, each with its place in the order.
OVER = sa.type_coerce(
    sa.func.coalesce(INVITES.c.expected_departure_at, INVITES.c.expected_arrival_at), sa.types.NullType()
)

Finished = sa.Select[tuple[int, int]]
Place = tuple[Any, int]  # in the order of pages


def days_before(now: datetime, days: int) -> datetime:
    """Return the moment so many days before one time: a clock that jumps in between changes nothing."""
    return now - timedelta(days=days)


def finished(before: datetime, *, connection: str | None) -> Finished:
    """Select the finished rows, as ids of delivery and invite, of visits that were over by then.

    Whatever was done about them since, by the caller or by us, starts the time again.
    """
    own, visit = DELIVERIES.c, INVITES.c
    over = sa.func.coalesce(visit.expected_departure_at, visit.expected_arrival_at)
    query = (
        sa.select(own.id, visit.id.label("invite_id"))
        .join(INVITES, JOINED)
        .where(
            own.status.in_(sorted(FINISHED)),
            own.updated_at < before,
            over < before,
        )
    )
    return query if connection is None else query.where(own.connection == connection)


def pages(
    database: Database, query: Finished, *, limit: int | None, more: Callable[[], bool]
) -> Iterator[Sequence[int]]:
    """Yield ids of deliveries in pages, the oldest visits first; at most *limit*, while *more* says so.

    Nothing is locked: anyone who acts on a page must look again.
    """
    left, after = limit, None
    while more() and left != 0:
        most = READ_AT_ONCE if left is None else min(READ_AT_ONCE, left)
        ids, after = _oldest(database, query, after, most)
        for start in range(0, len(ids), BATCH):
            if not more():
                return
            yield ids[start : start + BATCH]
        if len(ids) < most:
            return
        left = None if left is None else left - len(ids)


def oldest_first(query: Finished, most: int | None) -> Finished:
    """Return the query in the order of pages, for so many rows."""
    return query.order_by(OVER, DELIVERIES.c.id).limit(most)


def locked(
    connection: sa.Connection, query: Finished, ids: Sequence[int]
) -> Sequence[sa.Row[tuple[int, int]]]:
    """Return those rows of a page that are still as the query wants them, and stay so until the commit.

    A row that somebody else has locked is left out, so that nobody waits for anybody.  SQLite, which
    has one writer, needs no locks.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(ONLY_BY_INDEX)
    return connection.execute(query.with_for_update(skip_locked=True).where(DELIVERIES.c.id.in_(ids))).all()


def _oldest(
    database: Database, query: Finished, after: Place | None, most: int
) -> tuple[list[int], Place | None]:
    """Return so many ids behind a place, and the place of the last one."""
    placed = oldest_first(query, most).add_columns(OVER.label("over"))
    if after is not None:
        over, last = sa.literal(after[0], sa.types.NullType()), after[1]
        placed = placed.where(sa.or_(over < OVER, sa.and_(over == OVER, DELIVERIES.c.id > last)))
    with database.read() as connection:
        rows = connection.execute(placed).all()
    return [row.id for row in rows], ((rows[-1].over, rows[-1].id) if rows else after)


def count(database: Database, query: sa.Select[Any]) -> int:
    """Return how many rows a query has."""
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()


def any_row(database: Database, query: sa.Select[Any]) -> bool:
    """Return whether a query has a row."""
    with database.read() as connection:
        return connection.execute(query.limit(1)).first() is not None
