"""Refreshing rests after a failure: how long, and whether a connection is of no use until then."""

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS, Connection
from worker.database import Database
from worker.database.ahead import is_ahead, lies_ahead

if TYPE_CHECKING:
    from worker.connections.tokens.stored import TokenRow

RETRY_MAXIMUM = 3600.0  # no cool-down is longer


def cooling_seconds(row: "Connection | TokenRow", now: datetime) -> float:
    """Return how long refreshing rests after a failure, 0 where it does not."""
    until = row.refresh_retry_at
    if until is None or not lies_ahead(until, now, RETRY_MAXIMUM, since=row.refresh_started_at):
        return 0.0
    return (until - now).total_seconds()


def is_cooling(row: Connection, now: datetime) -> bool:
    """Return whether a row has no valid token, and can have none before its cool-down is over."""
    is_over = row.access_expires_at is None or row.access_expires_at <= now
    return is_over and row.refresh_token_enc is not None and cooling_seconds(row, now) > 0


def cools(database: Database) -> sa.ColumnElement[bool]:
    """Return the same as a condition on table ``connection``; never NULL, so that it can be negated."""
    own = CONNECTIONS.c
    is_over = sa.or_(own.access_expires_at.is_(None), own.access_expires_at <= database.now())
    rests = is_ahead(database, own.refresh_retry_at, RETRY_MAXIMUM, since=own.refresh_started_at)
    # What is NULL of nearly all comes first, so that nothing else is looked at.
    return sa.func.coalesce(sa.and_(rests, is_over, own.refresh_token_enc.is_not(None)), sa.false())
