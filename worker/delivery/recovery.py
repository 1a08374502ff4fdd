"""Put right what time, crashes and clocks have left behind; cheap, and done before every push."""

from collections.abc import Sequence

import sqlalchemy as sa

from worker.connections.reading import reads_invites
from worker.database import Database
from worker.database.engine import SLACK_SECONDS, STEP_SECONDS
from worker.database.owner import is_dead, is_of_this_boot
from worker.database.repeating import repeated
from worker.delivery.rows import ATTEMPTS, CONNECTIONS, DELIVERIES, EXPIRED, PENDING, SENDING, skipping_locked
from worker.envoy.clock import WallClock, boot_clock
from worker.invites import Kind, Status, Verdict
from worker.invites.pending import lost_names, without_connection

CONNECTION_UNKNOWN = "connection_unknown"
INTERRUPTED = "interrupted"


def abandoned(
    database: Database, *, longest_lease: float, wall_clock: WallClock | None = None
) -> Sequence[sa.RowMapping]:
    """Return the attempts that nobody works on any more.

    Their owner is dead, or their lease is over.  A lease that ends later than any lease can is over
    too: a clock has jumped.  Where *wall_clock* was seen to be set since an attempt on this host began, its
    clock since boot must agree.  Where the ledger has lost the line, the row says what was tried: what has no
    Envoy id was being created.
    """
    own = DELIVERIES.c
    was_create = sa.func.coalesce(ATTEMPTS.c.kind == Kind.CREATE, own.envoy_invite_id.is_(None))
    query = (
        sa.select(own.id, own.connection, own.external_id, own.attempt_id, own.lease_owner,
                  own.fencing_token, ATTEMPTS.c.boot_seconds, was_create.label("doubtful"),
                  reads_invites(database).label("looked_up"),
                  sa.or_(own.lease_until < database.now(), own.lease_until.is_(None),
                         own.lease_until > database.later(longest_lease + SLACK_SECONDS)).label("over"))
        .outerjoin(ATTEMPTS, ATTEMPTS.c.id == own.attempt_id)
        .outerjoin(CONNECTIONS, CONNECTIONS.c.name == own.connection)
        .where(own.status == SENDING)
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()

    def is_over(row: sa.RowMapping) -> bool:
        return row["over"] and not _goes_on(row, longest_lease, wall_clock)

    return [row for row in rows if is_over(row) or is_dead(row["lease_owner"])]


def _goes_on(row: sa.RowMapping, longest_lease: float, wall_clock: WallClock | None) -> bool:
    """Say whether a lease that a jump seems to have ended goes on, by the clock that nobody sets."""
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
    own = DELIVERIES.c
    too_far = sa.and_(
        own.status == PENDING,
        own.next_attempt_at > database.later(STEP_SECONDS),
        sa.or_(
            own.next_attempt_at > database.later(longest_back_off + SLACK_SECONDS),
            own.updated_at > database.later(STEP_SECONDS),
            own.deferrals == 0,
        ),
    )
    not_over = sa.and_(own.status == EXPIRED, own.next_attempt_at > database.now())
    names = sa.select(CONNECTIONS.c.name)
    with database.write() as connection:
        for stuck in (sa.and_(own.connection.in_(names), too_far), not_over):
            connection.execute(
                sa.update(DELIVERIES)
                .where(own.id.in_(skipping_locked(database, sa.select(own.id).where(stuck))))
                .values(status=Status.PENDING, next_attempt_at=database.now(), updated_at=database.now())
            )


@repeated
def mark_unknown_connections(database: Database) -> dict[str, int]:
    """Note on pending rows that their connection does not exist; return how many there are of each name."""
    found = without_connection(database)
    if found:
        own = DELIVERIES.c
        lost = sa.and_(own.status == PENDING, own.connection.in_(lost_names()))
        unmarked = sa.select(own.id).where(lost, own.error_code.is_distinct_from(CONNECTION_UNKNOWN))
        with database.write() as connection:
            connection.execute(
                sa.update(DELIVERIES)
                .where(own.id.in_(skipping_locked(database, unmarked)))
                .values(error_code=CONNECTION_UNKNOWN)
            )
    return found
