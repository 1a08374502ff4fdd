"""Announce that something is due, as the contract's triggers do; and say whether they shall."""

import sqlalchemy as sa

from worker.arrivals.model import ARRIVALS
from worker.database import Database
from worker.database.repeating import repeated

# The table's own number tells the schemas of one database apart; the triggers of revision 0009 have it, too.
CHANNEL = "'envoy_invites_' || 'invite'::regclass::oid"
_NOTIFY = sa.text(f"SELECT pg_notify({CHANNEL}, '') FROM arrival WHERE announced")  # noqa: S608 -- our own name


def announce(connection: sa.Connection) -> None:
    """Wake the workers once this transaction is committed: it makes something due without a trigger."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.update(ARRIVALS).values(number=ARRIVALS.c.number + 1))
    else:
        connection.execute(_NOTIFY)


def decide(database: Database, *, announced: bool) -> None:
    """Store whether the triggers send NOTIFY from now on; PostgreSQL only."""
    with database.read() as connection:
        stored = connection.execute(sa.select(ARRIVALS.c.announced)).scalar()
    if bool(stored) is not announced:
        _store(database, announced=announced)


@repeated
def _store(database: Database, *, announced: bool) -> None:
    from sqlalchemy.dialects.postgresql import insert

    row = insert(ARRIVALS).values(id=1, number=0, announced=announced)
    with database.write() as connection:
        connection.execute(row.on_conflict_do_update(index_elements=["id"], set_={"announced": announced}))
