"""Store a batch of invites in one transaction, or, if a row is refused, the good ones of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import InputError
from worker.intake.files.readers import Line
from worker.intake.refusals import refusal_of
from worker.intake.rows import NewInvite
from worker.intake.storing import Plan, carry_out, plan


@dataclass(frozen=True, slots=True)
class Entry:
    """A checked invite, and the line that it stands on."""

    line: Line
    invite: NewInvite


Refuse = Callable[[Line, InputError], None]


def store(database: Database, entries: Sequence[Entry], refuse: Refuse) -> list[Plan]:
    """Store the entries and return what was done; *refuse* learns of those that the database refused.

    Raises:
        DatabaseUnreachable: nothing of the batch was stored, as with any other failure of the database.
    """
    if not entries:
        return []
    try:
        made = _all(database, entries)
    except (sa.exc.IntegrityError, sa.exc.DataError):
        pass  # a row broke a rule, or another import was faster: nothing of the batch is stored
    else:
        _refuse(made, entries, refuse)
        return [made]
    done = _good_ones(database, entries)
    for entry, stored in done:
        if isinstance(stored, InputError):
            refuse(entry.line, stored)
        else:
            _refuse(stored, [entry], refuse)
    return [stored for _, stored in done if not isinstance(stored, InputError)]


def rehearse(database: Database, entries: Sequence[Entry], refuse: Refuse) -> list[Plan]:
    """Return what storing the entries would do; *refuse* learns of those that do not fit to their rows."""
    with database.read() as connection:
        made = plan(connection, [entry.invite for entry in entries])
    _refuse(made, entries, refuse)
    return [made]


def _refuse(made: Plan, entries: Sequence[Entry], refuse: Refuse) -> None:
    for place, error in made.refused:
        refuse(entries[place].line, error)


@repeated
def _all(database: Database, entries: Sequence[Entry]) -> Plan:
    with database.write() as connection:
        return _store(connection, entries)


@repeated
def _good_ones(database: Database, entries: Sequence[Entry]) -> list[tuple[Entry, Plan | InputError]]:
    with database.write() as connection:
        return [(entry, _store_one(connection, entry)) for entry in entries]


def _store(connection: sa.Connection, entries: Sequence[Entry]) -> Plan:
    made = plan(connection, [entry.invite for entry in entries])
    carry_out(connection, made)
    return made


def _store_one(connection: sa.Connection, entry: Entry) -> Plan | InputError:
    try:
        with connection.begin_nested():
            return _store(connection, [entry])
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        return refusal_of(error)
