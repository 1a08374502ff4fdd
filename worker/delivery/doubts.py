"""The doubtful creates that are due for a look into Envoy, and what a look is compared with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.connections.holds import is_held
from worker.connections.model import ConnectionStatus
from worker.connections.reading import reads_invites
from worker.database import Database
from worker.database.engine import SLACK_SECONDS
from worker.delivery.rows import ATTEMPTS, CONNECTIONS, DELIVERIES, INVITES, SENT, UNKNOWN

MOST_CONTROLS = 3
MOST_READ = 100


@dataclass(frozen=True, slots=True)
class Doubt:
    """One create whose outcome is not known, as it stood when it was read."""

    delivery_id: int
    invite_id: int
    connection_id: int
    connection: str
    external_id: str
    fencing_token: int
    look_ups: int
    interruptions: int
    deferrals: int  # looks in a row that failed
    unknown_since: datetime
    next_attempt_at: datetime
    error_code: str | None
    attempt_id: str
    revision: int  # that was tried
    started_at: datetime
    content: dict[str, Any] | None = field(repr=False)


def due_doubts(
    database: Database, *, only: str | None, excluded: Collection[str], longest_wait: float, size: int
) -> Sequence[Doubt]:
    """Return the next doubts to look up, in turn from each connection that may be asked.

    A look that lies further ahead than *longest_wait* seconds is due, too: a clock was wrong.
    """
    own = DELIVERIES.c
    too_far = own.next_attempt_at > database.later(longest_wait + SLACK_SECONDS)
    turn = sa.func.row_number().over(partition_by=own.connection, order_by=own.next_attempt_at)
    query = (
        _doubts(turn.label("turn"))
        .where(own.status == UNKNOWN, sa.or_(own.next_attempt_at <= database.now(), too_far))
        .where(CONNECTIONS.c.status == ConnectionStatus.ACTIVE, reads_invites(database), ~is_held(database))
        .where(own.connection.not_in(excluded))
    )
    ranked = (query if only is None else query.where(own.connection == only)).subquery()
    ordered = sa.select(ranked).order_by(ranked.c.turn, ranked.c.next_attempt_at).limit(size)
    with database.read() as connection:
        rows = connection.execute(ordered).mappings().all()
    return [Doubt(**{name: row[name] for name in Doubt.__slots__}) for row in rows]


def owned(database: Database, connection_name: str, ids: Collection[str]) -> set[str]:
    """Return those of Envoy's ids that invites of the connection have."""
    own = DELIVERIES.c
    query = sa.select(own.envoy_invite_id).where(
        own.connection == connection_name, own.envoy_invite_id.in_(ids)
    )
    with database.read() as connection:
        return set(connection.execute(query).scalars()) if ids else set()


def own_ids(database: Database, delivery_id: int) -> set[str]:
    """Return the ids that Envoy ever gave an invite: one that was removed is not what a new create made."""
    query = sa.select(ATTEMPTS.c.envoy_invite_id).where(
        ATTEMPTS.c.delivery_id == delivery_id, ATTEMPTS.c.envoy_invite_id.is_not(None)
    )
    with database.read() as connection:
        return set(connection.execute(query).scalars())


def controls(
    database: Database, connection_name: str, *, location_id: str
) -> list[tuple[str, dict[str, Any]]]:
    """Return ids and contents of some invites that Envoy surely has: at that place, where there are some."""
    own = DELIVERIES.c
    query = (
        sa.select(own.envoy_invite_id, own.sent_content)
        .where(own.connection == connection_name, own.status == SENT, own.envoy_invite_id.is_not(None))
        .where(own.sent_content.is_not(sa.null()))  # retention has not cleared it
        .order_by(own.envoy_invite_id.desc())
        .limit(MOST_READ)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    known = [(row.envoy_invite_id, row.sent_content) for row in rows if isinstance(row.sent_content, dict)]
    return sorted(known, key=lambda one: one[1].get("locationId") != location_id)[:MOST_CONTROLS]


def _doubts(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    own, tried = DELIVERIES.c, ATTEMPTS.c
    return (
        sa.select(
            own.id.label("delivery_id"),
            INVITES.c.id.label("invite_id"),
            CONNECTIONS.c.id.label("connection_id"),
            *(own[name] for name in ("connection", "external_id", "fencing_token", "look_ups")),
            *(own[name] for name in ("interruptions", "deferrals", "unknown_since", "next_attempt_at")),
            own.error_code,
            own.attempt_id,
            tried.revision,
            tried.started_at,
            own.sent_content.label("content"),
            *more,
        )
        .join(ATTEMPTS, tried.id == own.attempt_id)
        .join(CONNECTIONS, CONNECTIONS.c.name == own.connection)
        .join(
            INVITES,
            sa.and_(INVITES.c.connection == own.connection, INVITES.c.external_id == own.external_id),
        )
    )
