"""The same questions that holds.py answers about a row, as clauses for the database to answer."""

import sqlalchemy as sa

from worker.connections.holds import HOLD_MAXIMUM
from worker.connections.model import HoldReason
from worker.connections.rows import CONNECTIONS
from worker.database import Database


def held(database: Database) -> sa.ColumnElement[bool]:
    """Return whether a hold of the connection is in force; one further ahead than any hold is over."""
    own = CONNECTIONS.c
    paused = sa.and_(
        own.hold_reason == HoldReason.PAUSED,
        sa.or_(own.held_until.is_(None), own.held_until > database.now()),
    )
    waiting = sa.and_(
        own.hold_reason.is_not(None),
        own.hold_reason != HoldReason.PAUSED,
        own.held_until > database.now(),
        own.held_until <= database.later(HOLD_MAXIMUM),
    )
    return sa.or_(paused, waiting)
