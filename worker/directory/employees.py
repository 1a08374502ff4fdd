"""Look employees up in Envoy, and believe for an hour what it answered.

Kept are ids only, and of what was sought a digest: nobody's name or e-mail.
"""

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from worker.connections.rows import locked
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.access import PATIENCE_SECONDS, Tokens
from worker.connections.tokens.calls import with_token
from worker.database import Database
from worker.database.repeating import repeated
from worker.database.statements.inserting import insert
from worker.directory.model import EMPLOYEES
from worker.envoy import resources
from worker.envoy.api import EnvoyApi
from worker.errors import Forbidden, Refused
from worker.folding import fold

MAX_AGE_SECONDS = 3600.0
MOST_NEAR = 3
MOST_REMEMBERED = 2_000_000  # bytes, about: of all looks of a run
BYTES_OF_A_LOOK, BYTES_OF_A_TEXT = 500, 60  # beside what is in it


class By(StrEnum):
    """What an employee is sought by."""

    EMAIL = "email"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom a look-up is for."""

    by: By
    value: str = field(repr=False)

    def digest(self, connection_id: int) -> str:
        """Return what stands for it in the table; the same person differs from connection to connection."""
        return hashlib.sha256(json.dumps([connection_id, self.by, self.value]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Person:
    """An employee, as far as a host is concerned; *near*: only a part of the e-mail is the one sought.

    Without ``location_ids`` it is not known where they belong.
    """

    id: str
    location_ids: tuple[str, ...] = ()
    near: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Whom Envoy showed, and when it was asked, by the database's clock."""

    people: tuple[Person, ...]
    read_at: datetime

    @property
    def exact(self) -> list[Person]:
        """Those who are what was sought."""
        return [person for person in self.people if not person.near]

    def is_fresh(self, now: datetime) -> bool:
        """Return whether it may still be believed; a time far ahead came from a clock that was wrong."""
        return abs(now - self.read_at) <= timedelta(seconds=MAX_AGE_SECONDS)


class Remembered:
    """What Envoy said in this run, as far as it has room: for all connections, and all threads."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._looks: dict[tuple[int, Sought], Look] = {}
        self._size = 0
        self._lock = threading.Lock()

    def get(self, connection_id: int, sought: Sought) -> Look | None:
        """Return what was said of somebody, None if that is not remembered."""
        return self._looks.get((connection_id, sought))

    def keep(self, connection_id: int, sought: Sought, look: Look) -> None:
        """Remember what was said; where there is no room for it, forget all that was said before."""
        size = _size_of(look)
        with self._lock:
            self._forget((connection_id, sought))
            if self._size + size > MOST_REMEMBERED:
                self._looks.clear()
                self._size = 0
            if size <= MOST_REMEMBERED:
                self._looks[connection_id, sought] = look
                self._size += size

    def _forget(self, key: tuple[int, Sought]) -> None:
        look = self._looks.pop(key, None)
        self._size -= _size_of(look) if look else 0


def _size_of(look: Look) -> int:
    texts = (text for person in look.people for text in (person.id, *person.location_ids))
    return BYTES_OF_A_LOOK + sum(BYTES_OF_A_TEXT + len(text) for text in texts)


def known(database: Database, connection_id: int, sought: Sought) -> Look | None:
    """Return what Envoy said when it was last asked, fresh or not; None if nothing is kept of it."""
    own = EMPLOYEES.c
    query = sa.select(own.found, own.read_at).where(
        own.connection_id == connection_id, own.sought == sought.digest(connection_id)
    )
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None or not isinstance(row.found, list):  # not there, or too long to be loaded
        return None
    return Look(tuple(_person(item) for item in row.found), row.read_at)


def look_up(
    database: Database,
    api: EnvoyApi,
    tokens: Tokens,
    connection_id: int,
    sought: Sought,
    *,
    patience_seconds: float | None = PATIENCE_SECONDS,
) -> Look:
    """Ask Envoy, keep what it says, and return it; *patience_seconds* are for a refresh of the token.

    Raises:
        BeingRefreshed: the refresh takes longer.
        Forbidden, Refused: Envoy does not let us look for this e-mail; for an id it is not raised, since
            Envoy will judge the id when it is sent.
        NeedsAuthorisation: the connection has no usable grant.
        EnvoyError: Envoy could not be asked.
    """
    # Before the question: a row that is written while it is on its way is newer than its answer.
    asked_at = database.read_now()
    ask = _by_email if sought.by is By.EMAIL else _by_id
    people = with_token(
        tokens,
        connection_id,
        lambda token: ask(api, token, sought.value),
        patience_seconds=patience_seconds,
    )
    look = Look(tuple(people), asked_at)
    _keep(database, connection_id, sought, look)
    return look


def _by_email(api: EnvoyApi, token: str, email: str) -> list[Person]:
    listed = api.employees(token, email=email)
    exact = [person for person in listed if fold(person.email) == fold(email)]
    near = [Person(person.id, near=True) for person in listed if person not in exact]
    return [*map(_shown, exact), *near[:MOST_NEAR]]


def _by_id(api: EnvoyApi, token: str, employee_id: str) -> list[Person]:
    try:
        found = api.employee(token, employee_id)
    except (Forbidden, Refused):
        return [Person(employee_id)]
    return [] if found is None else [Person(employee_id, found.location_ids)]


def _shown(employee: resources.Employee) -> Person:
    return Person(employee.id, employee.location_ids)


def _person(item: dict[str, Any]) -> Person:
    return Person(item["id"], tuple(item["location_ids"]), near=item["near"])


@repeated
def _keep(database: Database, connection_id: int, sought: Sought, look: Look) -> None:
    """Store an answer, and drop those that are too old to be believed."""
    own = EMPLOYEES.c
    too_old = (own.connection_id == connection_id) & (own.read_at < database.later(-MAX_AGE_SECONDS))
    values = {
        "connection_id": connection_id,
        "sought": sought.digest(connection_id),
        "found": _as_json(look.people),
        "read_at": look.read_at,
    }
    with database.write() as connection:
        # Locked, so that nothing is kept for a connection that is being removed.
        row = locked(connection, connection_id)
        if row is None or row.status == ConnectionStatus.REMOVED:
            return
        connection.execute(sa.delete(EMPLOYEES).where(too_old))
        connection.execute(_replacing(database, values))


def _as_json(people: Iterable[Person]) -> list[dict[str, Any]]:
    return [asdict(person) for person in people]


def _replacing(database: Database, values: dict[str, Any]) -> sa.Insert:
    new = insert(EMPLOYEES, database.engine.dialect).values(**values)
    replaced = {"found": new.excluded.found, "read_at": new.excluded.read_at}
    return new.on_conflict_do_update(index_elements=["connection_id", "sought"], set_=replaced)
