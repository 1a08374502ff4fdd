"""What an operator ends who says that a connection, or all of them, shall be used again."""

import sqlalchemy as sa

from worker.arrivals import announce
from worker.connections.model import CONNECTIONS
from worker.connections.rows import change
from worker.connections.states import ConnectionStatus
from worker.connections.usable.moves import announce_release
from worker.connections.usable.refusing import forget_refusals
from worker.connections.usable.rules import UNDISTURBED, is_for_a_person
from worker.database import Database
from worker.database.repeating import repeated


@repeated
def resume_all(database: Database) -> list[str]:
    """End all holds but those for a person, and that Envoy refuses everyone; return who was held."""
    own = CONNECTIONS.c
    usable = ~is_for_a_person() & (own.status != ConnectionStatus.REMOVED)
    held = sa.select(own.name).where(usable, own.hold_reason.is_not(None)).order_by(own.name)
    with database.write() as connection:
        names = list(connection.execute(held).scalars())
        forget_refusals(connection, database)
        change(connection, usable, **resumed(database))
        announce(connection)
    for name in names:
        announce_release(name)
    return names


def resumed(database: Database) -> dict[str, object]:
    """Return the columns of a connection whose troubles are forgotten."""
    own = CONNECTIONS.c
    return {
        **UNDISTURBED,
        "pace_per_second": None,
        "refresh_retry_at": None,
        # What was refused is asked again; what was granted is not in question.
        "can_read_invites": sa.case((own.can_read_invites.is_(False), None), else_=own.can_read_invites),
        "reading_refused_at": None,
        "updated_at": database.now(),
    }
