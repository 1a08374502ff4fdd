"""The future invites of a connection that a file does not name; they can be withdrawn."""

from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from worker.database import Database
from worker.database.failures import OF_NO_USE
from worker.database.repeating import repeated
from worker.errors import InputError
from worker.intake.files.readers import Line
from worker.intake.importing import BATCH, interrupted
from worker.intake.rows import READERS
from worker.invites.model import INVITES
from worker.invites.states import Wanted

KEY = "external_id"


class Missing:
    """At first all wanted invites that lie ahead, then those that no line has named."""

    def __init__(self, database: Database, connection: str) -> None:
        """Read them, with the time by the database's clock."""
        self._database = database
        own = INVITES.c
        query = sa.select(own.id, own.external_id, own.updated_at).where(own.connection == connection)
        with database.read() as reader:
            # One time for all of it, which can be judged: the clock may be set in the next moment.
            self.at: datetime = reader.execute(sa.select(database.now())).scalar_one()
            query = query.where(*_wanted_and_ahead(sa.literal(self.at, own.expected_arrival_at.type)))
            self._rows: dict[str, tuple[int, datetime]] = {
                row.external_id: (row.id, row.updated_at) for row in reader.execute(query)
            }
        self.future = len(self._rows)
        self.unreadable = 0

    @property
    def number(self) -> int:
        """How many are to be withdrawn; none if a line that cannot be read may be any of them."""
        return 0 if self.unreadable else len(self._rows)

    def strike(self, line: Line) -> None:
        """Take note of the invite that a line names, whatever else is wrong with the line."""
        try:
            named = READERS[KEY](KEY, line.values.get(KEY))
        except InputError:
            self.unreadable += 1
        else:
            self._rows.pop(str(named), None)

    def withdraw(self) -> int:
        """Say of each that it is not wanted, unless it changed since it was read; return of how many.

        Raises:
            WorkerError: the database failed; its text says how many are withdrawn.
        """
        if self.unreadable:
            return 0
        rows = iter(sorted(self._rows.values()))
        withdrawn = 0
        while batch := list(islice(rows, BATCH)):
            try:
                withdrawn += self._withdraw(batch)
            except OF_NO_USE as error:
                failure = interrupted(error, f"all good lines are in, {withdrawn:,} invites are withdrawn")
                break
        else:
            return withdrawn
        raise failure

    @repeated
    def _withdraw(self, batch: list[tuple[int, datetime]]) -> int:
        own = INVITES.c
        # Any change of the caller's sets a new updated_at; a row of PostgreSQL's that changes while we
        # wait for it is looked at once more, which goes for its own columns only.
        statement = (
            sa.update(INVITES)
            .where(
                own.id.in_([row_id for row_id, _ in batch]),
                sa.tuple_(own.id, own.updated_at).in_(batch),
                *_wanted_and_ahead(self._database.now()),
            )
            .values(wanted=Wanted.ABSENT)
        )
        with self._database.write() as writer:
            return writer.execute(statement).rowcount


def _wanted_and_ahead(now: sa.ColumnElement[datetime]) -> tuple[sa.ColumnElement[bool], ...]:
    return INVITES.c.wanted == Wanted.PRESENT, INVITES.c.expected_arrival_at > now
