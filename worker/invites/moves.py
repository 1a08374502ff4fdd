"""What a person decides about an invite: each decision is one guarded UPDATE.

A worker may be at the same row.  Where it was faster, the decision is refused and nothing changes.
"""

import uuid

import sqlalchemy as sa
import structlog

from worker.arrivals import announce
from worker.database import Database
from worker.database.failures import is_taken
from worker.database.owner import this_process
from worker.database.repeating import repeated
from worker.envoy.identifiers import PERSON_HINT, UNUSABLE, identifier
from worker.errors import UsageError
from worker.invites.certainty import may_be_older, tried_revision
from worker.invites.in_doubt import found_after_restore
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES
from worker.invites.states import Kind, Status, Verdict, Wanted
from worker.invites.store import Standing

RETRIED = (Status.REJECTED, Status.EXPIRED)
# The error codes of an update of what may not be there, or cannot be asked for.
MISSING_IN_ENVOY = ("gone_in_envoy", "not_found", UNUSABLE)

log = structlog.get_logger()


@repeated
def retry(database: Database, standing: Standing) -> None:
    """Make a rejected or expired invite due again.

    Raises:
        UsageError: it stands otherwise by now.
    """
    own = DELIVERIES.c
    statement = (
        sa.update(DELIVERIES)
        .where(own.id == standing.delivery.id, own.status.in_(RETRIED))
        .values(_due(database))
    )
    with database.write() as connection:
        retried = connection.execute(statement).rowcount
        announce(connection)
    if not retried:
        raise UsageError(f"{standing.name} is {_status(database, standing)}, neither rejected nor expired")


@repeated
def retry_rejected(database: Database, connection: str) -> int:
    """Make all rejected invites of a connection due again; return how many there were."""
    own = DELIVERIES.c
    statement = (
        sa.update(DELIVERIES)
        .where(own.connection == connection, own.status == Status.REJECTED)
        .values(_due(database))
    )
    with database.write() as writer:
        announce(writer)
        return writer.execute(statement).rowcount


@repeated
def withdraw(database: Database, standing: Standing) -> bool:
    """Say in the caller's row that the invite is not wanted; return whether it was until now."""
    own = INVITES.c
    statement = (
        sa.update(INVITES)
        .where(own.id == standing.invite.id, own.wanted != Wanted.ABSENT)
        .values(wanted=Wanted.ABSENT)
    )
    with database.write() as connection:
        return connection.execute(statement).rowcount > 0


def resolve(database: Database, standing: Standing, *, envoy_invite_id: str | None) -> Status:
    """Settle an invite by a person's verdict; return how it stands now.

    With the id that Envoy shows, an unknown one is sent, or due for an update where the caller changed
    it since.  Without an id, Envoy has it not, and it is sent again: an unknown one, or one whose update
    was refused since somebody removed it in Envoy.

    Raises:
        UsageError: it stands otherwise (by now), or the id cannot be its own.
    """
    attempt_id = uuid.uuid4().hex
    # The attempt in doubt may still be answered: the raised token keeps it from settling this again.
    values = _settled(database, attempt_id)
    if envoy_invite_id is None:
        # After a restore, too: a person has seen that Envoy does not have it.
        values |= {"absent_key": DELIVERIES.c.content_key}
    if envoy_invite_id is not None:
        envoy_invite_id = _checked(envoy_invite_id)
        values |= _sent(database, envoy_invite_id)
    elif standing.delivery.envoy_invite_id is not None:
        values |= {"envoy_invite_id": None, "approval_status": None, "sent_content": sa.null()}
    status = _store(database, standing, values, envoy_invite_id)
    if status is None:
        raise UsageError(_unresolvable(database, standing))
    log.info(
        "invite.reconciled",
        connection=standing.invite.connection,
        invite_id=standing.invite.id,
        external_id=standing.invite.external_id,
        envoy_invite_id=envoy_invite_id,
        attempt=attempt_id,
        by=Kind.PERSON.value,
    )
    return status


@repeated
def _store(
    database: Database, standing: Standing, values: dict[str, object], envoy_invite_id: str | None
) -> Status | None:
    """Write the verdict to the row and to the ledger; return None if the row was not unknown."""
    try:
        with database.write() as connection:
            announce(connection)
            return _write(connection, database, standing, values, envoy_invite_id)
    except sa.exc.IntegrityError as error:  # its text may hold the row
        if not is_taken(error):
            raise
        problem = UsageError(
            f"another invite of {standing.invite.connection} has this Envoy id already; nothing was changed",
            hint="compare both visits in Envoy: this one has an id of its own there, or is not there",
        )
    raise problem


def _write(
    connection: sa.Connection,
    database: Database,
    standing: Standing,
    values: dict[str, object],
    envoy_invite_id: str | None,
) -> Status | None:
    own = DELIVERIES.c
    statement = (
        sa.update(DELIVERIES)
        .where(own.id == standing.delivery.id, _resolvable(envoy_invite_id))
        # What was tried since, the person has not looked for.
        .where(own.fencing_token == standing.delivery.fencing_token)
        .values(values)
        .returning(own.id, own.status, own.revision, own.fencing_token)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    entry = {
        "id": values["attempt_id"],
        "delivery_id": row.id,
        "kind": Kind.PERSON,
        "revision": row.revision,
        "fencing_token": row.fencing_token,
        "owner": this_process(),
        "verdict": Verdict.DEFERRED if envoy_invite_id is None else Verdict.SENT,
        "envoy_invite_id": envoy_invite_id,
    }
    now = database.now()
    connection.execute(sa.insert(ATTEMPTS).values(**entry, started_at=now, finished_at=now))
    return Status(row.status)


def _resolvable(envoy_invite_id: str | None) -> sa.ColumnElement[bool]:
    own = DELIVERIES.c
    unknown = own.status == Status.UNKNOWN
    if envoy_invite_id is not None:
        return unknown
    missing = own.error_code.in_(MISSING_IN_ENVOY) & own.envoy_invite_id.is_not(None)
    return unknown | ((own.status == Status.REJECTED) & missing)


def _due(database: Database) -> dict[str, object]:
    """Return the columns of a row that is due now, and of which nothing is wrong."""
    return {
        "status": Status.PENDING,
        "next_attempt_at": database.now(),
        "deferrals": 0,
        "interruptions": 0,
        "error_code": None,
        "error_detail": None,
        "refused_at": None,
        "gone_at": None,
        "updated_at": database.now(),
    }


def _settled(database: Database, attempt_id: str) -> dict[str, object]:
    """Return the columns of a row that is due, and out of reach of every earlier attempt."""
    return _due(database) | {
        "fencing_token": DELIVERIES.c.fencing_token + 1,
        "attempt_id": attempt_id,
        "unknown_since": None,
        "look_ups": 0,
        "content_key": None,
        "lease_owner": None,
        "lease_until": None,
    }


def _sent(database: Database, envoy_invite_id: str) -> dict[str, object]:
    """Return the columns of a row that Envoy has, in the revision that was last tried."""
    own, tried = DELIVERIES.c, tried_revision()
    newest = sa.and_(own.revision == tried, ~may_be_older(), own.restored_at.is_(None))
    nothing_known = sa.literal(found_after_restore(), own.sent_content.type)
    return {
        "status": sa.case((newest, Status.SENT.value), else_=Status.PENDING.value),
        "sent_content": sa.case(
            (own.restored_at.is_not(None), nothing_known), (may_be_older(), sa.null()), else_=own.sent_content
        ),
        "sent_revision": tried,
        "sent_at": database.now(),
        "envoy_invite_id": envoy_invite_id,
    }


def _checked(envoy_invite_id: str) -> str:
    found = identifier(envoy_invite_id.strip())
    if found is None:
        raise UsageError("this is no id of Envoy's", hint=PERSON_HINT)
    return found


def _unresolvable(database: Database, standing: Standing) -> str:
    stands = _status(database, standing)
    if stands == Status.UNKNOWN:
        return f"{standing.name} was tried again since: look it up in Envoy once more"
    return f"{standing.name} is {stands}, not unknown: there is nothing to resolve"


def _status(database: Database, standing: Standing) -> str:
    query = sa.select(DELIVERIES.c.status).where(DELIVERIES.c.id == standing.delivery.id)
    with database.read() as connection:
        return str(connection.execute(query).scalar() or "without a delivery")
