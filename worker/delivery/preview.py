"""Name each due row's fate from the database alone, and write nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import chain, islice

from worker.connections.model import Connection
from worker.connections.rows import look
from worker.connections.states import ConnectionStatus
from worker.connections.usable.holds import in_force
from worker.database import Database
from worker.delivery.due import Cursor, DueRow, connections_with_due_rows
from worker.delivery.plan import HostOf, LookFirst, Plan, Settled, plan
from worker.delivery.prepare import hosts
from worker.delivery.prepare.due_page import due_page
from worker.delivery.reconcile.unknown_rows import due_doubts
from worker.delivery.recovery.restored import RESTORED
from worker.directory import Directory, employees, load
from worker.directory.employees import Look, Sought
from worker.directory.entries import Location
from worker.errors import InputError
from worker.invites import Kind
from worker.invites.restored import since

PAGE = 500
MOST_DOUBTS = 10_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What a push would do about one row; ``why`` is given where it would not be sent."""

    connection: str
    external_id: str
    fate: str
    why: str = ""


def preview(
    database: Database, *, only: str | None, limit: int | None, longest_wait: float, marker: bool = False
) -> Iterator[Fate]:
    """Yield the fate of each due row: first what is looked up, then what is pushed, in their orders.

    A look is never put further ahead than *longest_wait* seconds; *marker*: notes carry words of ours.
    """
    return islice(chain(_looks(database, only, longest_wait), _pushes(database, only, marker=marker)), limit)


def _looks(database: Database, only: str | None, longest_wait: float) -> Iterator[Fate]:
    doubts = due_doubts(database, only=only, excluded=(), longest_wait=longest_wait, size=MOST_DOUBTS)
    for doubt in doubts:
        yield Fate(doubt.connection, doubt.external_id, Kind.LOOK_UP, doubt.error_code or "")


def _pushes(database: Database, only: str | None, *, marker: bool) -> Iterator[Fate]:
    now = database.read_now()
    for due in connections_with_due_rows(database, only=only):
        connection, _ = look(database, due.id)
        if connection is not None:
            yield from _fates(database, connection, now, marker=marker)


def _fates(database: Database, connection: Connection, now: datetime, *, marker: bool) -> Iterator[Fate]:
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    waits = ""
    if connection.status != ConnectionStatus.ACTIVE:
        waits = connection.status
    elif in_force(connection, now):
        waits = f"held: {connection.hold_reason}"
    directory = load(database, connection.id)
    planned = partial(
        plan,
        directory=directory,
        connection=connection,
        host_of=_host_of(database, directory, connection, now),
        now=now,
        marker=marker,
        restored=since(database) is not None,
    )
    after: Cursor | None = None
    while page := due_page(database, connection.name, after=after, until=now, size=PAGE).rows:
        after = page[-1].cursor
        for row in page:
            yield _fate(row, planned, waits)


def _host_of(database: Database, directory: Directory, connection: Connection, now: datetime) -> HostOf:
    """Return what finds a row's host in what is kept of earlier looks; one not found there is left open."""

    @cache
    def known(sought: Sought) -> Look | None:
        assert connection.id is not None  # noqa: S101 -- a stored row has its id
        look = employees.known(database, connection.id, sought)
        return look if look is not None and look.is_fresh(now) else None

    def host_of(row: DueRow, location: Location) -> str | None:
        place = hosts.Place(location, directory)
        return hosts.host_of(row, place, connection, known=known, look_up=lambda _sought: None)

    return host_of


def _fate(row: DueRow, planned: Callable[[DueRow], Plan], waits: str) -> Fate:
    try:
        made = planned(row)
    except InputError as error:
        return Fate(row.connection, row.external_id, "reject", f"{error.code}: {error} {error.hint}".strip())
    if isinstance(made, Settled):
        return Fate(row.connection, row.external_id, made.status)
    if waits:
        return Fate(row.connection, row.external_id, "wait", waits)
    if isinstance(made, LookFirst):
        return Fate(row.connection, row.external_id, Kind.LOOK_UP, RESTORED)
    return Fate(row.connection, row.external_id, made.kind)
