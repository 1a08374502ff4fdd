"""Give invites the deliveries that they lack: they were written while no trigger fired.

A whole look costs a second for a million invites, so that a service takes one when it starts and every ten
minutes; each of its other runs looks at the newest invites only, and at all if one of these lacks its own.
Where no invite came for a minute it does not even do that.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.database.statements.built_once import built_once
from worker.database.statements.inserting import insert
from worker.invites import Kind, Status, Verdict
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES

if TYPE_CHECKING:
    from worker.database.statements.inserting import Insert

NEWEST = 1_000
FRESH_SECONDS = 60.0  # so long after the newest invite came, others that were begun before it may come
WHOLE_EVERY_SECONDS = 600.0
MOST = 100_000  # ids that are held at once
BATCH = 500  # rows of one transaction
MISSING = "delivery_missing"
LOST = "delivery_lost"
NOT_EXECUTED = (Verdict.DEFERRED, Verdict.REJECTED)


@dataclass(slots=True)
class Healed:
    """What was given a delivery: how many of each connection are due now, and which are for a person."""

    due: Counter[str] = field(default_factory=Counter)
    doubtful: list[tuple[str, str]] = field(default_factory=list)  # connection and external id


class Healing:
    """Looks for invites without a delivery; it remembers when it looked at all of them."""

    def __init__(self, database: Database, stop: threading.Event, clock: Callable[[], float]) -> None:
        """Begin with a look at all."""
        self._database = database
        self._stop = stop
        self._clock = clock
        self._whole_at: float | None = None
        self._newest: int | None = None
        self._came_at = clock()

    def heal(self, *, whole: bool, connection: str | None, newest: int | None) -> Healed:
        """Give deliveries to the invites that lack one: to all that do, if *whole*; *newest*: the last id."""
        healed = Healed()
        began = self._clock()
        recently = self._whole_at is not None and began - self._whole_at < WHOLE_EVERY_SECONDS
        if recently and not whole and not (self._is_fresh(newest) and self._missing_newest(connection)):
            return healed
        for ids in self._pages(connection):
            self._heal(ids, healed)
        if connection is None and not self._stop.is_set():
            self._whole_at = began
        return healed

    def _is_fresh(self, newest: int | None) -> bool:
        """Return whether an invite came a short time ago."""
        if newest != self._newest:
            self._newest, self._came_at = newest, self._clock()
        return self._clock() - self._came_at < FRESH_SECONDS

    def _missing_newest(self, connection: str | None) -> bool:
        """Return whether one of the newest invites has no delivery."""
        with self._database.read() as reader:
            found = reader.execute(_without(self._database, NEWEST), {"after": 0, "only": connection})
            return found.first() is not None

    def _pages(self, connection: str | None) -> Iterator[Sequence[int]]:
        after = 0
        while found := self._missing(connection, after=after):
            yield found
            after = found[-1]

    def _heal(self, ids: Sequence[int], healed: Healed) -> None:
        last_lost = self._last_lost()
        for start in range(0, len(ids), BATCH):
            if self._stop.is_set():
                return
            _give(self._database, ids[start : start + BATCH], last_lost, healed)

    def _missing(self, connection: str | None, *, after: int) -> Sequence[int]:
        """Return ids of invites that have no delivery, in their order."""
        with self._database.read() as reader:
            found = reader.execute(_without(self._database, None), {"after": after, "only": connection})
            return found.scalars().all()

    def _last_lost(self) -> datetime | None:
        """Return when the last create began that may have been executed for an invite nobody knows."""
        line = ATTEMPTS.c
        of_nobody = ~sa.exists().where(DELIVERIES.c.id == line.delivery_id)
        executed = sa.or_(line.verdict.is_(None), line.verdict.not_in(NOT_EXECUTED))
        query = sa.select(sa.func.max(line.started_at, type_=line.started_at.type))
        with self._database.read() as reader:
            found: datetime | None = reader.execute(
                query.where(line.kind == Kind.CREATE, executed, of_nobody)
            ).scalar()
        return found


@built_once
def _without(_database: Database, among: int | None) -> sa.Select[Any]:
    """Select what has no delivery, of a connection or of all; of the newest invites only, if so asked."""
    own, only = INVITES.c, sa.bindparam("only", type_=sa.Text())
    query = (
        sa.select(own.id)
        .where(own.id > sa.bindparam("after"), sa.or_(only.is_(None), own.connection == only))
        .where(~_has_delivery())
        .order_by(own.id)
        .limit(MOST)
    )
    if among is None:
        return query
    newest = sa.select(own.id).order_by(own.id.desc()).limit(among)
    return query.where(own.id.in_(newest.scalar_subquery()))


def _has_delivery() -> sa.ColumnElement[bool]:
    own, invite = DELIVERIES.c, INVITES.c
    return sa.exists().where(own.connection == invite.connection, own.external_id == invite.external_id)


@repeated
def _give(database: Database, ids: Sequence[int], last_lost: datetime | None, healed: Healed) -> None:
    """Give a batch of invites their deliveries, in one transaction."""
    with database.write() as connection:
        if database.is_sqlite:
            connection.execute(_retimed(ids))
        rows = connection.execute(_still_missing(ids)).all()
        lost = [row for row in rows if _may_be_there(row, last_lost)]
        due = [row for row in rows if not _may_be_there(row, last_lost)]
        connection.execute(_never_tried([row.id for row in rows]))
        given = _make_due(connection, database, due) if due else []
        left = [row for row in lost if _leave_for_a_person(connection, database, _key(row))]
    healed.due.update(given)
    healed.doubtful.extend((row.connection, row.external_id) for row in left)


def _retimed(ids: Sequence[int]) -> sa.Update:
    """Return what has a trigger write these invites' times in the form that can be compared as text."""
    own = INVITES.c
    same = sa.update(INVITES).values(expected_arrival_at=own.expected_arrival_at)
    return same.where(own.id.in_(ids)).prefix_with("OR IGNORE")


def _may_be_there(row: sa.Row[Any], last_lost: datetime | None) -> bool:
    """Return whether Envoy may have an invite of this row: renamed after attempts, or of those lost."""
    # A create whose row is lost was of an invite that was there when it began.
    return bool(row.was_tried or (last_lost is not None and row.created_at <= last_lost))


def _still_missing(ids: Sequence[int]) -> sa.Select[Any]:
    """Select what lacks its delivery, and is deleted or healed by nobody else until the commit."""
    own = INVITES.c
    tried = sa.exists(_of_another_key(own.id).where(DELIVERIES.c.fencing_token > 0))
    query = sa.select(own.id, own.connection, own.external_id, own.created_at, tried.label("was_tried"))
    query = query.where(own.id.in_(ids), ~_has_delivery()).order_by(own.id)
    return query.with_for_update(key_share=True, skip_locked=True)


def _of_another_key(*invite_ids: sa.ColumnElement[int] | int) -> sa.Select[tuple[int]]:
    """Select the deliveries of these invites from before they were renamed: nobody else has their key."""
    own, other = DELIVERIES.c, INVITES.alias("other")
    is_kept = sa.exists().where(other.c.connection == own.connection, other.c.external_id == own.external_id)
    return sa.select(own.id).where(own.invite_id.in_(invite_ids), ~is_kept).correlate(INVITES)


def _never_tried(invite_ids: Sequence[int]) -> sa.Delete:
    """Return the removal of what these had under another key, where nothing was done about it."""
    own = DELIVERIES.c
    return sa.delete(DELIVERIES).where(own.id.in_(_of_another_key(*invite_ids)), own.fencing_token == 0)


def _key(row: sa.Row[Any]) -> dict[str, Any]:
    return {"connection": row.connection, "external_id": row.external_id, "invite_id": row.id}


def _make_due(connection: sa.Connection, database: Database, due: Sequence[sa.Row[Any]]) -> Sequence[str]:
    """Make deliveries that are due now; return the connections of those that nobody else has made."""
    rows = [{**_key(row), "next_attempt_at": database.now()} for row in due]
    made = _unless_made(connection).values(rows).returning(DELIVERIES.c.connection)
    return connection.execute(made).scalars().all()


def _unless_made(connection: sa.Connection) -> "Insert":
    """Return the INSERT of a delivery that another process may have made.

    It has looked at the same time: its commit may fall between what we saw and our locks.
    """
    own = DELIVERIES.c
    new = insert(DELIVERIES, connection.dialect)
    return new.on_conflict_do_nothing(index_elements=[own.connection, own.external_id])


def _leave_for_a_person(connection: sa.Connection, database: Database, key: dict[str, Any]) -> bool:
    """Make a delivery of which it is not known whether Envoy has its invite; nothing was kept of it.

    Return whether it was made: not if another process has made it.
    """
    now, attempt_id = database.now(), uuid.uuid4().hex
    doubt = {"status": Status.UNKNOWN, "attempt_id": attempt_id, "fencing_token": 1, "error_code": LOST}
    row = _unless_made(connection).values(**key, **doubt, unknown_since=now)
    made = connection.execute(row.returning(DELIVERIES.c.id, DELIVERIES.c.revision)).one_or_none()
    if made is None:
        return False
    line = {"id": attempt_id, "kind": Kind.CREATE, "verdict": Verdict.UNKNOWN, "error_code": LOST}
    tried = {"delivery_id": made.id, "revision": made.revision, "fencing_token": 1}
    connection.execute(sa.insert(ATTEMPTS).values(**line, **tried, started_at=now, finished_at=now))
    return True
