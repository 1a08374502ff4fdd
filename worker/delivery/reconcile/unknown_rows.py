"""The doubtful creates that are due for a look into Envoy, and what a look is compared with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.scopes import reads_invites
from worker.connections.states import ConnectionStatus
from worker.connections.usable.holds import is_held
from worker.database import Database
from worker.database.ahead import is_still_to_be, is_too_far
from worker.database.statements.built_once import built_once
from worker.invites.literals import SENT, UNKNOWN
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES, JOINED

MOST_CONTROLS = 3
LONG_AGO = datetime.fromtimestamp(0, UTC)
NO_REVISION = 0


@dataclass(frozen=True, slots=True)
class Doubt:
    """One create whose outcome is not known, as it stood when it was read.

    Where the ledger has lost the line of the attempt, it counts as tried in no revision that the row
    can have, and as begun when the doubt began: both are on the safe side.  After a restore it may have been
    tried at any time before.
    """

    delivery_id: int
    invite_id: int
    connection_id: int
    connection: str
    external_id: str
    fencing_token: int
    look_ups: int
    interruptions: int
    deferrals: int  # looks in a row that failed
    unknown_since: datetime | None
    next_attempt_at: datetime
    error_code: str | None
    attempt_id: str | None
    revision: int  # that was tried
    started_at: datetime
    owner: str | None = None  # of the attempt
    boot_seconds: float | None = None  # when it began, on the boot clock of its owner's host
    restored: bool = False  # Envoy may have it from before a restore, in a form that is not known here


def due_doubts(
    database: Database, *, only: str | None, excluded: Collection[str], longest_wait: float, size: int
) -> Sequence[Doubt]:
    """Return the next doubts to look up, in turn from each connection that may be asked.

    A look that lies further ahead than *longest_wait* seconds is due, too, and one that was put there by a
    clock which was put back since: a clock was wrong.
    """
    narrowed = {} if only is None else {"only": only}
    query = _due(database, longest_wait, size, bool(narrowed))
    with database.read() as connection:
        rows = connection.execute(query, {"excluded": list(excluded), **narrowed}).mappings().all()
    return [Doubt(**{name: row[name] for name in Doubt.__slots__}) for row in rows]


@built_once
def _due(database: Database, longest_wait: float, size: int, narrowed: bool) -> sa.Select[Any]:
    own = DELIVERIES.c
    too_far = sa.and_(
        is_still_to_be(database, own.next_attempt_at),
        sa.or_(
            is_too_far(database, own.next_attempt_at, longest_wait),
            is_still_to_be(database, own.updated_at),
        ),
    )
    turn = sa.func.row_number().over(partition_by=own.connection, order_by=own.next_attempt_at)
    query = (
        _doubts(turn.label("turn"))
        .where(own.status == UNKNOWN, sa.or_(own.next_attempt_at <= database.now(), too_far))
        .where(CONNECTIONS.c.status == ConnectionStatus.ACTIVE, reads_invites(database), ~is_held(database))
        .where(own.connection.not_in(sa.bindparam("excluded", expanding=True)))
    )
    ranked = (query.where(own.connection == sa.bindparam("only")) if narrowed else query).subquery()
    return sa.select(ranked).order_by(ranked.c.turn, ranked.c.next_attempt_at).limit(size)


def content_of(database: Database, delivery_id: int) -> dict[str, Any]:
    """Return what a create would have made, empty where that is not stored any more, or too long to be ours.

    It is read for one look at a time, since it may be long.
    """
    query = sa.select(DELIVERIES.c.sent_content).where(DELIVERIES.c.id == delivery_id)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    return found if isinstance(found, dict) else {}


def owned(database: Database, connection_name: str, ids: Collection[str]) -> set[str]:
    """Return those of Envoy's ids that invites of the connection have."""
    own = DELIVERIES.c
    query = sa.select(own.envoy_invite_id).where(
        own.connection == connection_name, own.envoy_invite_id.in_(ids)
    )
    with database.read() as connection:
        return set(connection.execute(query).scalars()) if ids else set()


def former_ids(database: Database, delivery_id: int) -> set[str]:
    """Return the ids that an invite has had: one that was removed is not what a new create made.

    What came so late that the invite was tried again before, or a person had spoken, never was its id: it
    may be all that Envoy has of the visit.
    """
    line, later = ATTEMPTS.c, ATTEMPTS.alias("later").c
    overtaken = sa.exists().where(
        later.delivery_id == line.delivery_id,
        later.fencing_token > line.fencing_token,
        later.started_at <= line.finished_at,
    )
    query = sa.select(line.envoy_invite_id).where(
        line.delivery_id == delivery_id, line.envoy_invite_id.is_not(None), ~overtaken
    )
    with database.read() as connection:
        return set(connection.execute(query).scalars())


def controls(
    database: Database, connection_name: str, *, location_id: str | None
) -> list[tuple[str, dict[str, Any]]]:
    """Return ids and contents of some invites that Envoy surely has: at that place, None for anywhere."""
    own = DELIVERIES.c
    query = (
        sa.select(own.envoy_invite_id, own.sent_content)
        .where(own.connection == connection_name, own.status == SENT, own.envoy_invite_id.is_not(None))
        .order_by(own.envoy_invite_id.desc())
        .limit(MOST_CONTROLS)
    )
    if location_id is not None:  # which is not stored where retention has cleared it
        query = query.where(own.sent_content["locationId"].as_string() == location_id)
    with database.read() as connection:
        found = connection.execute(query).all()
    return [(row.envoy_invite_id, row.sent_content) for row in found if isinstance(row.sent_content, dict)]


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
            sa.func.coalesce(tried.revision, NO_REVISION).label("revision"),
            sa.func.coalesce(tried.started_at, _if_restored(), own.unknown_since, own.updated_at).label(
                "started_at"
            ),
            tried.owner,
            tried.boot_seconds,
            own.restored_at.is_not(None).label("restored"),
            *more,
        )
        .outerjoin(ATTEMPTS, tried.id == own.attempt_id)
        .join(CONNECTIONS, CONNECTIONS.c.name == own.connection)
        .join(INVITES, JOINED)
    )


def _if_restored() -> sa.ColumnElement[Any]:
    own = DELIVERIES.c
    return sa.case((own.restored_at.is_not(None), sa.literal(LONG_AGO, own.restored_at.type)))
