"""Invites as the operator sees them: found by id or by name, listed, counted."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worker.addresses import without_addresses
from worker.database import Database
from worker.errors import UsageError
from worker.invites.bounds import LONGEST, cut
from worker.invites.literals import SENT
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES, JOINED, Attempt, Delivery, Invite
from worker.invites.personal import PERSONAL
from worker.invites.states import Status

DELIVERY_MISSING = "delivery_missing"  # the view has the same word
LARGEST_ID = 2**63 - 1  # what is larger is an error to PostgreSQL, not a row that is missing
# What no list shows, and may be long, or is the visitor's.
UNLISTED = frozenset({*PERSONAL, "sent_content"})


@dataclass(frozen=True, slots=True)
class Standing:
    """One invite, and how it stands with Envoy.

    One without a delivery is pending with the error code ``delivery_missing``; its delivery has no id.
    What Envoy has of it (``sent_content``) is not loaded; in a list, nothing personal is.
    """

    invite: Invite
    delivery: Delivery

    @property
    def name(self) -> str:
        """How an operator names it: CONNECTION/EXTERNAL_ID; its id, where an address stands there."""
        connection = self.invite.connection
        if without_addresses(connection) != connection:
            return str(self.invite.id)
        return f"{connection}/{self.invite.external_id}"

    def is_looked_up(self, readers: Collection[str]) -> bool:
        """Whether an unknown one settles itself; *readers* are the connections that may read invites."""
        return self.invite.connection in readers and self.delivery.next_attempt_at is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many invites have each status, all of which are there; and each word of Envoy's on approval."""

    statuses: dict[Status, int]
    approvals: dict[str, int]  # of those that are sent; one of which Envoy said nothing is left out


def require(database: Database, named: str) -> Standing:
    """Return the invite of that id, or of that CONNECTION/EXTERNAL_ID.

    Raises:
        UsageError: there is none.
    """
    with database.read() as connection:
        row = connection.execute(_both({"sent_content"}).where(_named(named))).one_or_none()
    if row is None:
        raise UsageError(
            f"there is no invite {named}",
            hint="name it by its id or by CONNECTION/EXTERNAL_ID; `envoy-worker invites list` shows them",
        )
    return _standing(row)


def page(
    database: Database,
    *,
    status: Status | None = None,
    connection: str | None = None,
    approval: str | None = None,
    limit: int = 50,
) -> list[Standing]:
    """Return the newest invites that fit."""
    query = _both(UNLISTED).order_by(INVITES.c.id.desc()).limit(limit)
    if status is not None:
        missing = DELIVERIES.c.id.is_(None) if status is Status.PENDING else sa.false()
        query = query.where(sa.or_(DELIVERIES.c.status == status, missing))
    if connection is not None:
        query = query.where(INVITES.c.connection == connection)
    if approval is not None:
        query = query.where(DELIVERIES.c.status == SENT, DELIVERIES.c.approval_status == approval)
    with database.read() as reader:
        return [_standing(row) for row in reader.execute(query)]


def attempts(database: Database, delivery: Delivery) -> list[Attempt]:
    """Return what was tried for an invite, oldest first."""
    query = (
        sa.select(ATTEMPTS)
        .where(ATTEMPTS.c.delivery_id == delivery.id)
        .order_by(ATTEMPTS.c.fencing_token, ATTEMPTS.c.started_at)
    )
    with database.read() as connection:
        return [Attempt(**row) for row in connection.execute(query).mappings()]


def counts(database: Database, *, connection: str | None = None) -> Counts:
    """Return how many invites stand how, and of those that are sent how many are approved."""
    # One pass over the table: it may be large.
    approval = sa.case((DELIVERIES.c.status == SENT, DELIVERIES.c.approval_status)).label("approval")
    query = sa.select(DELIVERIES.c.status, approval, sa.func.count().label("number"))
    if connection is not None:
        query = query.where(DELIVERIES.c.connection == connection)
    found = Counts(dict.fromkeys(Status, 0), {})
    with database.read() as reader:
        for row in reader.execute(query.group_by(DELIVERIES.c.status, approval).order_by(approval)):
            found.statuses[Status(row.status)] += row.number
            if row.approval is not None:
                found.approvals[row.approval] = row.number
    return found


def unknown(database: Database, *, connection: str | None = None, limit: int) -> list[Standing]:
    """Return the invites that Envoy may or may not have, those in doubt longest first."""
    query = _both(UNLISTED).where(DELIVERIES.c.status == Status.UNKNOWN)
    query = query.order_by(DELIVERIES.c.unknown_since)
    if connection is not None:
        query = query.where(DELIVERIES.c.connection == connection)
    with database.read() as reader:
        return [_standing(row) for row in reader.execute(query.limit(limit))]


def _both(left_out: Collection[str]) -> sa.Select[Any]:
    columns = [
        _bounded(column).label(f"{table.name}_{column.name}")
        for table in (INVITES, DELIVERIES)
        for column in table.c
        if column.name not in left_out
    ]
    return sa.select(*columns).select_from(INVITES.outerjoin(DELIVERIES, JOINED))


def _bounded(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    is_a_callers_text = column.table is INVITES and column.name in LONGEST
    return cut(column, column.name) if is_a_callers_text else column


def _named(named: str) -> sa.ColumnElement[bool]:
    connection, slash, external_id = named.partition("/")
    if slash:
        return (INVITES.c.connection == connection) & (INVITES.c.external_id == external_id)
    if named.isascii() and named.isdigit() and int(named) <= LARGEST_ID:
        return INVITES.c.id == int(named)
    return sa.false()


def _standing(row: sa.Row[Any]) -> Standing:
    invite = Invite(**_of(INVITES, row))
    delivery = _of(DELIVERIES, row)
    return Standing(invite, _missing(invite) if delivery["id"] is None else Delivery(**delivery))


def _of(table: sa.Table, row: sa.Row[Any]) -> dict[str, Any]:
    start = f"{table.name}_"
    return {name.removeprefix(start): value for name, value in row._mapping.items() if name.startswith(start)}  # noqa: SLF001 -- SQLAlchemy's public name for it


def _missing(invite: Invite) -> Delivery:
    """Return what stands for the delivery of an invite that has none."""
    return Delivery(connection=invite.connection, external_id=invite.external_id, error_code=DELIVERY_MISSING)
