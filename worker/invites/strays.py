"""Invites and deliveries that lack each other, since something was written while no trigger fired."""

import sqlalchemy as sa

from worker.database import Database
from worker.invites.model import DELIVERIES, INVITES, JOINED
from worker.invites.store import LARGEST_ID

_LAST_NUMBER = sa.text(
    "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'invite'), 0),"
    " ifnull((SELECT max(id) FROM invite), 0))"
)


def are_numbers_used_up(database: Database) -> bool:
    """Return whether SQLite has no number for another invite: one of an earlier release has the largest."""
    if not database.is_sqlite:
        return False
    with database.read() as reader:
        return bool(reader.execute(_LAST_NUMBER).scalar_one() >= LARGEST_ID)


def without_delivery(database: Database, *, connection: str | None = None) -> int:
    """Return how many invites have no delivery; such an invite is not sent before it has one."""
    query = sa.select(sa.func.count()).select_from(INVITES).where(~sa.exists().where(JOINED))
    if connection is not None:
        query = query.where(INVITES.c.connection == connection)
    with database.read() as reader:
        return reader.execute(query).scalar_one()


def without_invite(database: Database, *, connection: str | None = None) -> int:
    """Return how many deliveries have no invite (any more) although they were tried: Envoy may have those."""
    query = (
        sa.select(sa.func.count())
        .select_from(DELIVERIES)
        .where(DELIVERIES.c.fencing_token > 0, ~sa.exists().where(JOINED))
    )
    if connection is not None:
        query = query.where(DELIVERIES.c.connection == connection)
    with database.read() as reader:
        return reader.execute(query).scalar_one()
