"""Hand in one visit from Python, inside the caller's own transaction."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.intake.places import default_send_email, look_up
from worker.intake.rows import NewInvite, parse, settle, with_default
from worker.intake.storing import INVITES, carry_out, plan
from worker.intake.times import is_local
from worker.invites.states import Wanted


def enqueue(
    bind: sa.Connection | Session,
    *,
    connection: str,
    external_id: str,
    invitee_name: str,
    expected_arrival_at: datetime,
    invitee_email: str | None = None,
    location: str | None = None,
    flow: str | None = None,
    host_employee_id: str | None = None,
    host_email: str | None = None,
    expected_departure_at: datetime | None = None,
    notes: str | None = None,
    custom_fields: Mapping[str, str | int | float | bool] | None = None,
    send_email: bool | None = None,
    wanted: str = Wanted.PRESENT,
) -> int:
    """Insert the visit, or bring the row of its external id to it, and return the row's id.

    The caller commits or rolls back; until the commit, the worker sees nothing.  All columns are set:
    what is left out becomes empty, and *send_email* the connection's default.  Equal content changes
    nothing.  A time without a zone is local to the location, which the stored directory must know.  ORM
    objects that show the row are not refreshed.

    Raises:
        InputErrors: all that is wrong with the visit, at once; nothing was written.
    """
    given = dict(locals())  # the arguments are the columns, by name
    del given["bind"]
    invite = parse(given)
    if isinstance(bind, Session):
        bind.flush()  # an Invite that was added, and not written yet, is the same row
    database = bind.connection() if isinstance(bind, Session) else bind
    return _store(database, _settled(database, invite))


def _settled(database: sa.Connection, invite: NewInvite) -> NewInvite:
    times = (invite.expected_arrival_at, invite.expected_departure_at)
    if not any(time is not None and is_local(time) for time in times):
        return invite
    places = look_up(database, invite.connection)
    return settle(invite, places.zone(invite.location) if places else None)


def _store(database: sa.Connection, invite: NewInvite) -> int:
    # Inserted first, and only if it is not there: so two callers at once do not trip over each other,
    # and SQLite takes its write lock before anything is read.
    insert = postgresql.insert if database.dialect.name == "postgresql" else sqlite.insert
    default = default_send_email(invite.connection)
    row = invite.values() | ({"send_email": default} if invite.send_email is None else {})
    database.execute(
        insert(INVITES).values(row).on_conflict_do_nothing(index_elements=["connection", "external_id"])
    )
    if invite.send_email is None:
        invite = with_default(invite, send_email=bool(database.execute(sa.select(default)).scalar_one()))
    made = plan(database, [invite])
    carry_out(database, made)
    return made.changed[0][0] if made.changed else made.unchanged[0]
