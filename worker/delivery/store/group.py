"""One transaction for all that has come in: claims, verdicts and small writes together."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from worker.database import Database
from worker.delivery.store.entries import Entry, Part
from worker.failpoints import failpoint

_ROWS = "SELECT id FROM delivery WHERE id = ANY(%(ids)s::bigint[])"
_LOCK = f"{_ROWS} ORDER BY id FOR UPDATE SKIP LOCKED"


class Left(NamedTuple):
    """What a transaction left out: for its row is locked, or for too many verdicts wait for theirs."""

    locked: list[Entry]
    blocked: list[Entry]


class Group:
    """Where groups of entries are committed."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def commit(self, entries: Sequence[Entry], *, room: int) -> Left:
        """Commit entries of different rows, but for those whose rows somebody has locked.

        No claim is granted where *room* verdicts or more are left.
        """
        for entry in entries:
            entry.begin()
        with self._database.write() as connection:
            left = self._left(connection, entries, room)
            without = {id(entry) for entry in (*left.locked, *left.blocked)}
            for part, of_part in _by_part(entry for entry in entries if id(entry) not in without):
                part.write(connection, of_part)
            failpoint("before_group_commit")
        failpoint("after_group_commit")
        return left

    def _left(self, connection: sa.Connection, entries: Sequence[Entry], room: int) -> Left:
        others = self._locked(connection, entries)
        locked = [entry for entry in entries if entry.delivery_id in others]
        if sum(not entry.is_claim for entry in locked) < room:
            return Left(locked, [])
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
