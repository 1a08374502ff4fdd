"""A PostgreSQL that was away is noticed before its dead connections do harm."""

import threading

import sqlalchemy as sa

from worker.database import Database
from worker.database.postgresql.liveness import TRUSTED_SECONDS


def test_connections_that_the_server_has_ended_are_not_given_out(
    postgresql_url: str, postgresql_server: str
) -> None:
    """Once they were idle for a moment they are asked first; the next transaction simply works."""
    database = Database(postgresql_url)
    database.read_now()
    other = Database(postgresql_server)
    with other.write() as connection:
        ended = connection.execute(
            sa.text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"),
            {"name": database.url.database},
        ).scalar()
    other.dispose()
    threading.Event().wait(TRUSTED_SECONDS)

    assert ended == 1
    assert database.read_now()

    database.dispose()
