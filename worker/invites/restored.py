"""After a restore: the database comes from a backup, and does not know what was sent since.

That is one row of table ``restored``, from `envoy-worker db restored` until its ``--end``.  While it is
there, nothing is created in Envoy that Envoy was not seen not to have: the claim itself compares
``absent_key`` with what it would create, so that it holds for every worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worker.connections.tokens.refresh.spent import Spent, take_for_spent
from worker.database import Database, utc_now
from worker.database.repeating import repeated
from worker.invites.model import DELIVERIES, RESTORED
from worker.invites.states import Status

# Releases before the one that knows the mode would send in it: they are barred, by the name of their schema.
FIRST_TO_KNOW = "0006"
_SINCE = sa.select(RESTORED.c.since)
_BAR = "UPDATE schema_compatibility SET revision = 'restored-' || revision WHERE revision < :first"
_UNBAR = "UPDATE schema_compatibility SET revision = substr(revision, 10) WHERE revision LIKE 'restored-%'"


@dataclass(frozen=True, slots=True)
class Open:
    """Creates that Envoy may have from before the restore: those to be looked up, and those in doubt."""

    waiting: int
    doubtful: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What the beginning of the mode came to; ``before``: since when it had been on."""

    since: datetime
    before: datetime | None
    spent: list[Spent]


def since(database: Database) -> datetime | None:
    """Return since when the database counts as restored, None if it does not."""
    with database.read() as connection:
        return since_in(connection)


def since_in(reader: sa.Connection) -> datetime | None:
    """Do the same in the caller's transaction."""
    return reader.execute(_SINCE).scalar()


def may_create(key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return whether Envoy has a delivery's content surely not: by no restore, or by what was seen since."""
    return sa.or_(~sa.exists(sa.select(RESTORED.c.id)), DELIVERIES.c.absent_key == key)


@repeated
def begin(database: Database, *, first_look: float, clock: Callable[[], datetime] = utc_now) -> Begun:
    """Take everything for unknown that may have been done since the backup; it may be done again.

    Beginning again voids every look that was made before: the backup may be one of such a time.  What is in
    doubt is looked up again from the first look, after *first_look* seconds.
    """
    with database.write() as connection:
        before = connection.execute(sa.select(RESTORED.c.since)).scalar()
        connection.execute(sa.delete(RESTORED))
        row = sa.insert(RESTORED).values(id=1, since=database.now())
        began: datetime = connection.execute(row.returning(RESTORED.c.since)).scalar_one()
        connection.execute(sa.text(_BAR), {"first": FIRST_TO_KNOW})
        for statement in _all_in_doubt(database, first_look):
            connection.execute(statement)
        return Begun(began, before, take_for_spent(connection, database, clock))


@repeated
def end(database: Database) -> Open | None:
    """End the mode, and return what was left to look up; None if it was not on."""
    with database.write() as connection:
        left = _left(connection)
        was_on = connection.execute(sa.delete(RESTORED)).rowcount
        connection.execute(sa.text(_UNBAR))
    return left if was_on else None


def left(database: Database) -> Open:
    """Return how many creates are still to be looked up."""
    with database.read() as connection:
        return _left(connection)


def _left(connection: sa.Connection) -> Open:
    own = DELIVERIES.c
    without_id = sa.select(sa.func.count()).select_from(DELIVERIES).where(own.envoy_invite_id.is_(None))
    waiting = without_id.where(own.status == Status.PENDING, own.absent_key.is_(None))
    doubtful = without_id.where(own.status == Status.UNKNOWN, own.restored_at.is_not(None))
    return Open(connection.execute(waiting).scalar_one(), connection.execute(doubtful).scalar_one())


def _all_in_doubt(database: Database, first_look: float) -> list[sa.Update]:
    """Return what makes looks count from now on only."""
    own = DELIVERIES.c
    trying = sa.and_(own.status.in_([Status.SENDING, Status.UNKNOWN]), own.envoy_invite_id.is_(None))
    looked_up = sa.and_(own.status == Status.UNKNOWN, own.next_attempt_at.is_not(None))
    again = {"look_ups": 0, "deferrals": 0, "unknown_since": database.now()}
    return [
        sa.update(DELIVERIES).where(trying).values(restored_at=database.now()),
        sa.update(DELIVERIES)
        .where(looked_up)
        .values(**again, next_attempt_at=database.later(first_look), updated_at=database.now()),
        # Last, so that no look that is in flight can end in between: its row is ours by now.
        sa.update(DELIVERIES).where(own.absent_key.is_not(None)).values(absent_key=None),
    ]
