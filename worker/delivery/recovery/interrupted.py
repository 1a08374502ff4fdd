"""Put right what time, crashes and clocks have left behind; cheap, and done before every push."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from worker.clock import WallClock, boot_clock
from worker.connections.model import CONNECTIONS
from worker.connections.scopes import reads_invites
from worker.database import Database
from worker.database.ahead import has_ended, is_still_to_be, is_too_far
from worker.database.owner import is_dead, is_of_this_boot
from worker.database.repeating import repeated
from worker.database.statements.built_once import built_once
from worker.delivery.due import skipping_locked
from worker.invites import Kind, Status, Verdict, pending
from worker.invites.literals import EXPIRED, PENDING, SENDING
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES

CONNECTION_UNKNOWN = "connection_unknown"
INTERRUPTED = "interrupted"


class Look(NamedTuple):
    """What there is to be put right: a yes may be for nothing, a no never is."""

    on_their_way: bool  # some attempts, perhaps abandoned
    stuck: bool  # what only a wrong clock keeps away
    nameless: bool  # pending rows whose connection does not exist
    newest_invite: int | None


def look(database: Database, *, longest_back_off: float) -> Look:
    """Return what there is to be put right, by one statement: most runs find nothing at all."""
    with database.read() as connection:
        return Look(*connection.execute(_look(database, longest_back_off)).one())


@built_once
def _look(database: Database, longest_back_off: float) -> sa.Select[Any]:
    own, names = DELIVERIES.c, pending.names()
    far = _is_any_far(database, longest_back_off, names)
    return sa.select(
        sa.exists(sa.select(own.id).where(own.status == SENDING)),
        sa.or_(far, sa.exists(sa.select(own.id).where(_not_over(database)))),
        sa.exists(pending.lost_names(names)),
        sa.select(sa.func.max(INVITES.c.id)).scalar_subquery(),
    )


def _is_any_far(database: Database, longest_back_off: float, names: sa.CTE) -> sa.ColumnElement[bool]:
    """Return whether a wait is too long; name by name, of which few have something pending."""
    own = DELIVERIES.c
    is_known = sa.exists().where(CONNECTIONS.c.name == names.c.name)
    waits_too_long = sa.exists().where(own.connection == names.c.name, _too_far(database, longest_back_off))
    return sa.exists(sa.select(names.c.name).where(names.c.name.is_not(None), waits_too_long, is_known))


def abandoned(
    database: Database, *, longest_lease: float, wall_clock: WallClock | None = None
) -> Sequence[sa.RowMapping]:
    """Return the attempts that nobody works on any more.

    Their owner is dead, or their lease is over.  A lease that ends later than any lease can is over
    too: a clock has jumped.  Where *wall_clock* was seen to be set since an attempt on this host began, its
    clock since boot must agree.  Where the ledger has lost the line, the row says what was tried: what has no
    Envoy id was being created.
    """
    with database.read() as connection:
        rows = connection.execute(_on_their_way(database, longest_lease)).mappings().all()

    def is_over(row: sa.RowMapping) -> bool:
        return row["over"] and not _goes_on(row, longest_lease, wall_clock)

    return [row for row in rows if is_over(row) or is_dead(row["lease_owner"])]


@built_once
def _on_their_way(database: Database, longest_lease: float) -> sa.Select[Any]:
    own = DELIVERIES.c
    was_create = sa.func.coalesce(ATTEMPTS.c.kind == Kind.CREATE, own.envoy_invite_id.is_(None))
    return (
        sa.select(own.id, own.connection, own.external_id, own.attempt_id, own.lease_owner,
                  own.fencing_token, ATTEMPTS.c.boot_seconds, was_create.label("doubtful"),
                  reads_invites(database).label("looked_up"),
                  sa.or_(has_ended(database, own.lease_until, longest_lease),
                         own.lease_until.is_(None)).label("over"))
        .outerjoin(ATTEMPTS, ATTEMPTS.c.id == own.attempt_id)
        .outerjoin(CONNECTIONS, CONNECTIONS.c.name == own.connection)
        .where(own.status == SENDING)
    )  # fmt: skip


def _goes_on(row: sa.RowMapping, longest_lease: float, wall_clock: WallClock | None) -> bool:
    """Return whether a lease that a jump seems to have ended goes on, by the clock that nobody sets."""
    began = row["boot_seconds"]
    if began is None or wall_clock is None or not is_of_this_boot(row["lease_owner"]):
        return False
    return wall_clock.was_set_since(began) and boot_clock() - began < longest_lease


@repeated
def give_up(database: Database, attempt: sa.RowMapping, *, first_look: float) -> bool:
    """Settle one abandoned attempt: a create is in doubt, anything else is simply due again.

    A create is looked up after *first_look* seconds.
    """
    own = DELIVERIES.c
    doubtful = attempt["doubtful"]
    standing = sa.select(own.id).where(
        own.id == attempt["id"], own.status == SENDING, own.fencing_token == attempt["fencing_token"]
    )
    statement = (
        sa.update(DELIVERIES)
        .where(own.id.in_(skipping_locked(database, standing)))
        .values(
            status=Status.UNKNOWN if doubtful else Status.PENDING,
            error_code=INTERRUPTED,
            error_detail=None,
            interruptions=own.interruptions + 1,
            unknown_since=database.now() if doubtful else None,
            next_attempt_at=database.later(first_look if doubtful else 0),
            look_ups=0,
            lease_owner=None,
            lease_until=None,
            updated_at=database.now(),
        )
    )
    with database.write() as connection:
        settled = connection.execute(statement).rowcount
        if settled and is_dead(attempt["lease_owner"]):
            # Only the dead cannot answer late; of all others the ledger still awaits the verdict.
            connection.execute(_interrupted(database, attempt["attempt_id"]))
    return bool(settled)


def _interrupted(database: Database, attempt_id: str) -> sa.Update:
    return (
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.id == attempt_id, ATTEMPTS.c.verdict.is_(None))
        .values(verdict=Verdict.INTERRUPTED, finished_at=database.now())
    )


@repeated
def reopen(database: Database, *, longest_back_off: float) -> None:
    """Make due again what only a wrong clock keeps away: far back-offs, and visits not over after all.

    Only what was deferred may wait.  A wait that began further ahead than now is over, too, however short it
    is: the clock was put back since.
    """
    with database.write() as connection:
        for statement in _reopening(database, longest_back_off):
            connection.execute(statement)


@built_once
def _reopening(database: Database, longest_back_off: float) -> tuple[sa.Update, ...]:
    own = DELIVERIES.c
    of_known = own.connection.in_(sa.select(CONNECTIONS.c.name))
    return tuple(
        sa.update(DELIVERIES)
        .where(own.id.in_(skipping_locked(database, sa.select(own.id).where(stuck))))
        .values(status=Status.PENDING, next_attempt_at=database.now(), updated_at=database.now())
        for stuck in (sa.and_(of_known, _too_far(database, longest_back_off)), _not_over(database))
    )


def _too_far(database: Database, longest_back_off: float) -> sa.ColumnElement[bool]:
    own = DELIVERIES.c
    return sa.and_(
        own.status == PENDING,
        is_still_to_be(database, own.next_attempt_at),
        sa.or_(
            is_too_far(database, own.next_attempt_at, longest_back_off),
            is_still_to_be(database, own.updated_at),
            own.deferrals == 0,
        ),
    )


def _not_over(database: Database) -> sa.ColumnElement[bool]:
    return sa.and_(DELIVERIES.c.status == EXPIRED, DELIVERIES.c.next_attempt_at > database.now())


def mark_unknown_connections(database: Database) -> dict[str, int]:
    """Note on pending rows that their connection does not exist; return how many there are of each name."""
    found = pending.without_connection(database)
    if found:
        with database.read() as connection:
            is_any = connection.execute(_unmarked(database).limit(1)).first() is not None
        if is_any:
            _mark(database)
    return found


@repeated
def _mark(database: Database) -> None:
    unmarked = skipping_locked(database, _unmarked(database))
    statement = sa.update(DELIVERIES).where(DELIVERIES.c.id.in_(unmarked))
    with database.write() as connection:
        connection.execute(statement.values(error_code=CONNECTION_UNKNOWN))


@built_once
def _unmarked(_database: Database) -> sa.Select[tuple[int]]:
    own = DELIVERIES.c
    lost = sa.and_(own.status == PENDING, own.connection.in_(pending.lost_names()))
    return sa.select(own.id).where(lost, own.error_code.is_distinct_from(CONNECTION_UNKNOWN))
