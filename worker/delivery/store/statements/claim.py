"""The statements that claim rows, each with its line of the ledger."""

from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable.holds import is_held
from worker.connections.usable.host_outage import is_out
from worker.database import Database
from worker.database.owner import this_process
from worker.database.statements.compiled import Given, Types
from worker.delivery.store.statements.seen import SEEN, free_rows, is_as_planned
from worker.invites import Status
from worker.invites.literals import SENDING, UNKNOWN
from worker.invites.model import ATTEMPTS, DELIVERIES
from worker.invites.restored import may_create

CLAIM: Types = {
    **SEEN,
    "name": sa.Text(),
    "attempt": sa.Text(),
    "key": sa.Text(),
    "content": DELIVERIES.c.sent_content.type,
    "trial": sa.Boolean(),
}
TAKEN: Types = {"seen_delivery": sa.BigInteger(), "attempt": sa.Text()}
LINE = (
    "id", "delivery_id", "kind", "revision", "run_id", "owner", "boot_seconds", "fencing_token", "started_at",
)  # fmt: skip
INTENT: Types = {"kind": sa.Text(), "run": sa.Text(), "owner": sa.Text(), "boot_seconds": sa.Double()}


def take(database: Database, *, host: str, lease_seconds: float) -> sa.Select[tuple[str, int, int]]:
    """Return the statement that takes rows and writes their intents, for PostgreSQL.

    It waits for no row that somebody has locked, and leaves it.
    """
    given = Given(database, {**CLAIM, **INTENT})
    own = DELIVERIES.c
    is_free = own.id.in_(sa.select(free_rows(given).c.id))
    taken = _taking(database, given, host, lease_seconds).where(is_free).returning(
        own.id, own.attempt_id, own.fencing_token, own.attempts, own.updated_at,
        *(given[name] for name in ("seen_revision", *INTENT)),
    ).cte("taken")  # fmt: skip
    line = taken.c
    entry = sa.select(
        line.attempt_id, line.id, line.kind, line.seen_revision, line.run, line.owner, line.boot_seconds,
        line.fencing_token, line.updated_at,
    )  # fmt: skip
    intent = sa.insert(ATTEMPTS).from_select(LINE, entry)
    return sa.select(line.attempt_id, line.fencing_token, line.attempts).add_cte(intent.cte("intent"))


def take_rows(database: Database, *, host: str, lease_seconds: float) -> sa.Update:
    """Return the statement that takes rows, for SQLite."""
    return _taking(database, Given(database, CLAIM), host, lease_seconds)


def taken(database: Database) -> sa.Select[tuple[str]]:
    """Return the statement that names what was taken, as one JSON text, for SQLite."""
    given, own = Given(database, TAKEN), DELIVERIES.c
    row = sa.func.json_array(own.attempt_id, own.fencing_token, own.attempts)
    return _were_taken(given, sa.func.json_group_array(row))


def write_intents(database: Database) -> sa.Insert:
    """Return the statement that writes the intents of what was taken, for SQLite."""
    given, own = Given(database, {**TAKEN, "seen_revision": sa.BigInteger(), **INTENT}), DELIVERIES.c
    line = _were_taken(
        given, own.attempt_id, own.id, given["kind"], given["seen_revision"], given["run"], given["owner"],
        given["boot_seconds"], own.fencing_token, own.updated_at,
    )  # fmt: skip
    return sa.insert(ATTEMPTS).from_select(LINE, line)


def _were_taken(given: Given, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    own = DELIVERIES.c
    found = sa.select(*columns).select_from(given.entries, DELIVERIES)
    return found.where(own.id == given["seen_delivery"], own.attempt_id == given["attempt"])


def twin_in_doubt(key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return whether another row of equal content is in doubt."""
    twin = DELIVERIES.alias("twin")
    doubtful = sa.or_(twin.c.status == SENDING, twin.c.status == UNKNOWN)
    return sa.exists().where(twin.c.content_key == key, doubtful)


def _taking(database: Database, given: Given, host: str, lease_seconds: float) -> sa.Update:
    own = DELIVERIES.c
    return (
        sa.update(DELIVERIES)
        .where(_is_free(database, given, host))
        .values(
            status=Status.SENDING,
            fencing_token=own.fencing_token + 1,
            attempts=own.attempts + 1,
            attempt_id=given["attempt"],
            lease_owner=this_process(),
            lease_until=database.later(lease_seconds),
            content_key=given["key"],
            restored_at=None,
            # Stored before the call is tried, for it may end in doubt.
            sent_content=given["content"],
            updated_at=database.now(),
        )
    )


def _is_free(database: Database, given: Given, host: str) -> sa.ColumnElement[bool]:
    """Return whether a row still is as it was seen, and may be sent now."""
    trial, key = given["trial"], given["key"]
    tried = trial & (sa.func.coalesce(CONNECTIONS.c.hold_reason, "") == HoldReason.REFUSES_ALL)
    of_no_use = sa.exists().where(
        CONNECTIONS.c.name == given["name"],
        sa.or_(is_held(database) & ~tried, CONNECTIONS.c.status != ConnectionStatus.ACTIVE),
    )
    return sa.and_(
        is_as_planned(given),
        DELIVERIES.c.next_attempt_at <= database.now(),
        ~of_no_use,
        ~is_out(host, trial=trial),
        sa.or_(key.is_(None), ~twin_in_doubt(key) & may_create(key)),
    )
