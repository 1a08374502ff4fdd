"""Invites and deliveries that lack each other, since something was written while no trigger fired."""

import sqlalchemy as sa

from worker.database import Database
from worker.invites.store import DELIVERIES, INVITES, JOINED


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
