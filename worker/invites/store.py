"""Invites as the operator sees them: found by id or by name, listed, counted."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.connections.model import Connection, ConnectionStatus
from worker.database import Database
from worker.errors import UsageError
from worker.invites.model import Attempt, Delivery, Invite
from worker.invites.states import Status

INVITES = SQLModel.metadata.tables[str(Invite.__tablename__)]
DELIVERIES = SQLModel.metadata.tables[str(Delivery.__tablename__)]
ATTEMPTS = SQLModel.metadata.tables[str(Attempt.__tablename__)]
CONNECTIONS = SQLModel.metadata.tables[str(Connection.__tablename__)]

LARGEST_ID = 2**63 - 1  # what is larger is an error to PostgreSQL, not a row that is missing


@dataclass(frozen=True, slots=True)
class Standing:
    """One invite, and how it stands with Envoy."""

    invite: Invite
    delivery: Delivery

    @property
    def name(self) -> str:
        """How an operator names it: CONNECTION/EXTERNAL_ID."""
        return f"{self.invite.connection}/{self.invite.external_id}"

    def is_looked_up(self, readers: Collection[str]) -> bool:
        """Whether an unknown one settles itself; *readers* are the connections that may read invites."""
        return self.invite.connection in readers and self.delivery.next_attempt_at is not None


def require(database: Database, named: str) -> Standing:
    """Return the invite of that id, or of that CONNECTION/EXTERNAL_ID.

    Raises:
        UsageError: there is none.
    """
    with database.read() as connection:
        row = connection.execute(_both().where(_named(named))).one_or_none()
    if row is None:
        raise UsageError(
            f"there is no invite {named}",
            hint="name it by its id or by CONNECTION/EXTERNAL_ID; `envoy-worker invites list` shows them",
        )
    return _standing(row)


def page(
    database: Database, *, status: Status | None = None, connection: str | None = None, limit: int = 50
) -> list[Standing]:
    """Return the newest invites that fit."""
    query = _both().order_by(INVITES.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(DELIVERIES.c.status == status)
    if connection is not None:
        query = query.where(INVITES.c.connection == connection)
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


def counts(database: Database) -> dict[Status, int]:
    """Return how many invites stand how; every status is there."""
    query = sa.select(DELIVERIES.c.status, sa.func.count().label("number")).group_by(DELIVERIES.c.status)
    with database.read() as connection:
        found = {row.status: row.number for row in connection.execute(query)}
    return {status: found.get(status, 0) for status in Status}


def unknown(database: Database, *, limit: int) -> list[Standing]:
    """Return the invites that Envoy may or may not have, those in doubt longest first."""
    query = _both().where(DELIVERIES.c.status == Status.UNKNOWN).order_by(DELIVERIES.c.unknown_since)
    with database.read() as connection:
        return [_standing(row) for row in connection.execute(query.limit(limit))]


def without_connection(database: Database) -> dict[str, int]:
    """Return how many invites wait for connections that are not there, by the connection's name."""
    own = DELIVERIES.c
    known = sa.select(CONNECTIONS.c.name).where(CONNECTIONS.c.status != ConnectionStatus.REMOVED)
    query = (
        sa.select(own.connection, sa.func.count().label("number"))
        .where(own.status == Status.PENDING, own.connection.not_in(known))
        .group_by(own.connection)
        .order_by(own.connection)
    )
    with database.read() as connection:
        return {row.connection: row.number for row in connection.execute(query)}


def _both() -> sa.Select[Any]:
    joined = (INVITES.c.connection == DELIVERIES.c.connection) & (
        INVITES.c.external_id == DELIVERIES.c.external_id
    )
    columns = [
        column.label(f"{table.name}_{column.name}") for table in (INVITES, DELIVERIES) for column in table.c
    ]
    return sa.select(*columns).select_from(INVITES.join(DELIVERIES, joined))


def _named(named: str) -> sa.ColumnElement[bool]:
    connection, slash, external_id = named.partition("/")
    if slash:
        return (INVITES.c.connection == connection) & (INVITES.c.external_id == external_id)
    if named.isascii() and named.isdigit() and int(named) <= LARGEST_ID:
        return INVITES.c.id == int(named)
    return sa.false()


def _standing(row: sa.Row[Any]) -> Standing:
    values = row._mapping  # noqa: SLF001 -- SQLAlchemy's public name for it
    of = {
        table.name: {column.name: values[f"{table.name}_{column.name}"] for column in table.c}
        for table in (INVITES, DELIVERIES)
    }
    return Standing(Invite(**of[INVITES.name]), Delivery(**of[DELIVERIES.name]))
