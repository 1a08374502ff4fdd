"""Hand in one visit from Python, inside the caller's own transaction."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from worker.database import Database
from worker.database.postgresql import texts
from worker.database.repeating import repeated
from worker.database.statements.inserting import insert
from worker.intake.fields.not_given import NOT_GIVEN, NotGiven
from worker.intake.fields.storable import require_storable
from worker.intake.places import default_send_email, look_up
from worker.intake.problems import InputErrors
from worker.intake.rows import NewInvite, has_local_time, needs_place, parse, settle, with_default
from worker.intake.storing import carry_out, places_of, plan
from worker.invites.model import INVITES
from worker.invites.states import Wanted


def enqueue(
    bind: sa.Connection | Session,
    *,
    connection: str,
    external_id: str,
    invitee_name: str,
    expected_arrival_at: datetime,
    invitee_email: str | NotGiven | None = NOT_GIVEN,
    location: str | NotGiven | None = NOT_GIVEN,
    flow: str | NotGiven | None = NOT_GIVEN,
    host_employee_id: str | NotGiven | None = NOT_GIVEN,
    host_email: str | NotGiven | None = NOT_GIVEN,
    expected_departure_at: datetime | NotGiven | None = NOT_GIVEN,
    notes: str | NotGiven | None = NOT_GIVEN,
    custom_fields: Mapping[str, str | int | float | bool] | NotGiven | None = NOT_GIVEN,
    send_email: bool | NotGiven | None = NOT_GIVEN,
    wanted: str = Wanted.PRESENT,
) -> int:
    """Insert the visit, or bring the row of its external id to it, and return the row's id.

    The caller commits or rolls back; until the commit, the worker sees nothing.  What is not given stays
    as it is in a row that is there, and is the default in a new one; None empties, and for *send_email*
    it means the connection's default.  Without *wanted*, the visit is wanted (again).  Equal content
    changes nothing.  A time without a zone is local to the location, which the stored directory must
    know.  ORM objects that show the row are not refreshed.

    Raises:
        InputErrors: all that is wrong with the visit, at once; nothing was written.
    """
    arguments = dict(locals())  # they are the columns, by name
    del arguments["bind"]
    invite = parse({name: value for name, value in arguments.items() if value is not NOT_GIVEN})
    if isinstance(bind, Session):
        bind.flush()  # an Invite that was added, and not written yet, is the same row
    database = bind.connection() if isinstance(bind, Session) else bind
    require_storable(invite, texts.codec(database))
    return _store(database, _settled(database, invite))


@repeated
def hand_in(database: Database, invite: NewInvite) -> int:
    """Do the same with a visit that was checked, in a transaction of its own."""
    with database.write() as bind:
        return enqueue(bind, **invite.changes())


def _settled(database: sa.Connection, invite: NewInvite) -> NewInvite:
    if not has_local_time(invite):
        return invite
    places = look_up(database, invite.connection)
    stored = places_of(database, [invite]) if needs_place(invite) else {}
    location = stored.get((invite.connection, invite.external_id), invite.location)
    return settle(invite, places.zone(location) if places else None)


def _store(database: sa.Connection, invite: NewInvite) -> int:
    # Inserted first, and only if it is not there: so two callers at once do not trip over each other,
    # and SQLite takes its write lock before anything is read.
    default = default_send_email(invite.connection)
    row = invite.values() | ({"send_email": default} if invite.send_email is None else {})
    database.execute(
        insert(INVITES, database.dialect)
        .values(row)
        .on_conflict_do_nothing(index_elements=["connection", "external_id"])
    )
    if invite.send_email is None:
        invite = with_default(invite, send_email=bool(database.execute(sa.select(default)).scalar_one()))
    made = plan(database, [invite])
    if made.refused:
        raise InputErrors([error for _, error in made.refused])
    carry_out(database, made)
    return made.changed[0][0] if made.changed else made.unchanged[0]
