"""The commit of all that has come in: claims with their intents, verdicts, and small writes together."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from worker.database import Database
from worker.delivery.store.entries import Entry, Part
from worker.failpoints import failpoint

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Statement

_ROWS = "SELECT id FROM delivery WHERE id = ANY(%(ids)s::bigint[])"
_LOCK = f"{_ROWS} ORDER BY id FOR UPDATE SKIP LOCKED"


class Left(NamedTuple):
    """What a transaction left out.

    For its row is locked, for too many verdicts wait for theirs, or for it takes a closer look.
    """

    locked: Sequence[Entry] = ()
    blocked: Sequence[Entry] = ()
    unclear: Sequence[Entry] = ()


class Group:
    """Where groups of entries are committed."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._makes_one_trip = not database.is_sqlite

    def commit(self, entries: Sequence[Entry], *, room: int, closely: bool = False) -> Left:
        """Commit entries of different rows, but for those whose rows somebody has locked.

        No claim is granted where *room* verdicts or more are left.  *closely*: nothing is left unclear.
        """
        for entry in entries:
            entry.begin()
        left = None if closely else self._in_one_trip(entries, room)
        if left is None:
            left = self._in_steps(entries, room)
        failpoint("after_group_commit")
        return left

    def _in_one_trip(self, entries: Sequence[Entry], room: int) -> Left | None:
        """Commit what PostgreSQL needs not to be asked about in between; None, and nothing, otherwise."""
        if not self._makes_one_trip or sum(not entry.is_claim for entry in entries) >= room:
            return None
        parts = list(_by_part(entries))
        calls: list[Statement] = []
        for part, of_part in parts:
            call = part.call(of_part)
            if call is None:
                return None
            calls.append(call)
        failpoint("before_group_commit")
        answers = self._database.in_one_trip(calls)
        if answers is None:
            self._makes_one_trip = False
            return None
        left = [part.heard(of_part, rows) for (part, of_part), rows in zip(parts, answers, strict=True)]
        return Left(unclear=[entry for of_part in left for entry in of_part])

    def _in_steps(self, entries: Sequence[Entry], room: int) -> Left:
        with self._database.write() as connection:
            left = self._left(connection, entries, room)
            without = {id(entry) for entry in (*left.locked, *left.blocked)}
            for part, of_part in _by_part(entry for entry in entries if id(entry) not in without):
                part.write(connection, of_part)
            failpoint("before_group_commit")
        return left

    def _left(self, connection: sa.Connection, entries: Sequence[Entry], room: int) -> Left:
        others = self._locked(connection, entries)
        locked = [entry for entry in entries if entry.delivery_id in others]
        if sum(not entry.is_claim for entry in locked) < room:
            return Left(locked)
        claims = [entry for entry in entries if entry.is_claim and entry.delivery_id not in others]
        return Left(locked, claims)

    def _locked(self, connection: sa.Connection, entries: Sequence[Entry]) -> set[int | None]:
        """Lock the rows of the group that are free, and return the others; what is gone is not locked."""
        ids = {entry.delivery_id for entry in entries if entry.delivery_id is not None}
        if self._database.is_sqlite or not ids:
            return set()
        # It waits for none of them, so that nobody else's transaction can be in a circle with this one.
        others = ids.difference(connection.exec_driver_sql(_LOCK, {"ids": sorted(ids)}).scalars())
        if not others:
            return set()
        return set(connection.exec_driver_sql(_ROWS, {"ids": sorted(others)}).scalars())


def _by_part(entries: Iterable[Entry]) -> Iterable[tuple[Part, list[Entry]]]:
    """Return what each part writes: verdicts first, since what they settle is in nobody's way any more."""
    parts: dict[Part, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: one.is_claim):
        parts.setdefault(entry.part, []).append(entry)
    return parts.items()
