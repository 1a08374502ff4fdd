"""A due row as one value, and the connections that have due rows; `prepare.due_page` reads a page of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.refresh.cool_down import cools
from worker.connections.usable import finding
from worker.database import Database
from worker.database.statements.built_once import built_once
from worker.invites.literals import PENDING
from worker.invites.model import DELIVERIES

Cursor = tuple[datetime, int]


class DueConnection(NamedTuple):
    """A connection that has something due."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class DueRow:
    """One invite that something is to be done about, as it stood when it was read."""

    delivery_id: int
    invite_id: int
    connection: str
    external_id: str
    revision: int
    fencing_token: int
    attempts: int
    deferrals: int
    next_attempt_at: datetime
    error_code: str | None
    envoy_invite_id: str | None
    sent_content: dict[str, Any] | None = field(repr=False)
    invitee_name: str = field(repr=False)
    invitee_email: str | None = field(repr=False)
    location: str | None
    flow: str | None
    host_employee_id: str | None
    host_email: str | None = field(repr=False)
    expected_arrival_at: datetime
    expected_departure_at: datetime | None
    notes: str | None = field(repr=False)
    custom_fields: dict[str, Any] | None = field(repr=False)
    send_email: bool
    wanted: str
    changed_at: datetime
    refused_at: datetime | None = None  # since when it is refused in the same way
    gone_at: datetime | None = None  # when Envoy was seen not to have it, since then
    absent_key: str | None = None  # what Envoy was seen not to have, since a restore
    weight: int = 0  # bytes of its JSON, as it is stored, and of its texts

    @property
    def cursor(self) -> Cursor:
        """The place of this row among the due ones of its connection."""
        return self.next_attempt_at, self.delivery_id


def due_connections(
    database: Database, *, only: str | None = None, host: str | None = None
) -> Sequence[DueConnection]:
    """Return the connections, by name, that have something due and are usable now, as far as is stored.

    With the name of a *host*, its troubles are heeded as well.
    """
    found = _found(database, _due_and_usable(database, only is not None, host), only)
    # Ordered here, for SQLite would walk along all names to have them in order.
    by_name = {row.name: row.id for row in found}
    return [DueConnection(by_name[name], name) for name in sorted(by_name)]


def blocked_reasons(database: Database, *, only: str | None = None, host: str | None = None) -> set[str]:
    """Return why connections are not usable now that have something due; but not of those removed.

    A reason is a status, a hold's or a wait's; those in `finding.NEEDS_CONSENT` are ended by a consent only.
    """
    found = _found(database, _blocked(database, only is not None, host), only)
    return {row.reason for row in found if row.reason is not None}


def connections_with_due_rows(database: Database, *, only: str | None = None) -> Sequence[DueConnection]:
    """Return the connections, by name, that have something due, whether they are usable or not."""
    query = _with_due_rows(database, named=only is not None).order_by(CONNECTIONS.c.name)
    return [DueConnection(row.id, row.name) for row in _found(database, query, only)]


def _found(database: Database, query: sa.Executable, only: str | None) -> Sequence[sa.Row[Any]]:
    """Return what a query for connections with due rows finds; where nothing waits, none is looked at."""
    with database.read() as reader:
        if reader.execute(_ANYTHING_WAITS).first() is None:
            return ()
        return reader.execute(query, {"only": only}).all()


@built_once
def _due_and_usable(database: Database, named: bool, host: str | None) -> sa.Executable:
    """Build a statement of parts, each of which an index finds; for an OR of them all may be read."""
    query = sa.select(CONNECTIONS.c.id, CONNECTIONS.c.name)
    if named:
        query = query.where(CONNECTIONS.c.name == sa.bindparam("only"))
    is_of_use = ~cools(database)
    if database.is_sqlite:  # in this order, for no index has what a cool-down is told by
        is_of_use = sa.case((_has_due(database, CONNECTIONS.c.name), is_of_use), else_=sa.false())
    query = query.where(finding.host_lets(database, host), is_of_use)
    found = sa.union_all(*(query.where(case) for case in finding.cases(database)))
    if database.is_sqlite:
        return found
    # What is usable is found first; else it would look up the connection of each due row, once for each part.
    of_use = found.cte("usable").prefix_with("MATERIALIZED")
    return sa.select(of_use.c.id, of_use.c.name).where(_has_due(database, of_use.c.name))


@built_once
def _blocked(database: Database, named: bool, host: str | None) -> sa.Select[Any]:
    reason = finding.reason_now(database, host=host).label("reason")
    in_use = CONNECTIONS.c.status != ConnectionStatus.REMOVED
    return _with_due_rows(database, named=named).with_only_columns(reason).where(in_use).distinct()


def _with_due_rows(database: Database, *, named: bool) -> sa.Select[tuple[int, str]]:
    """Select the connections that have due rows."""
    query = sa.select(CONNECTIONS.c.id, CONNECTIONS.c.name).where(_has_due(database, CONNECTIONS.c.name))
    return query.where(CONNECTIONS.c.name == sa.bindparam("only")) if named else query


def _has_due(database: Database, name: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    due = DELIVERIES.c
    return sa.exists().where(
        due.connection == name, due.status == PENDING, due.next_attempt_at <= database.now()
    )


# In the order of the index, so that nothing else is read, whatever PostgreSQL believes to be there.
_ANYTHING_WAITS = (
    sa.select(DELIVERIES.c.id)
    .where(DELIVERIES.c.status == PENDING)
    .order_by(DELIVERIES.c.connection, DELIVERIES.c.next_attempt_at, DELIVERIES.c.id)
    .limit(1)
)


def skipping_locked(database: Database, ids: sa.Select[tuple[int]]) -> sa.Select[tuple[int]]:
    """Return the same without the rows that somebody else has locked: a caller's open transaction."""
    return ids if database.is_sqlite else ids.with_for_update(skip_locked=True)
