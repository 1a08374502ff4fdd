"""The database: transactions and the clock."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from worker.database import Database, Timestamp, utc_now


def test_the_clock_of_the_database_is_aware_and_now(database: Database) -> None:
    """The database's own clock is read in UTC, and is close to this host's."""
    moment = database.read_now()

    assert moment.tzinfo is UTC
    assert abs(moment - utc_now()) < timedelta(seconds=5)


def test_a_clock_that_is_handed_in_replaces_the_databases_own(database_url: str) -> None:
    """Anyone who hands in a clock decides what time it is for leases and due times."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    database = Database(database_url, clock=lambda: noon)

    assert database.read_now() == noon

    database.dispose()


def test_a_time_without_its_zone_is_utc_wherever_the_host_is(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite may give one that no trigger has seen; read as the host's, it would be hours off."""
    database = Database(sqlite_url)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        with database.read() as connection:
            query = sa.select(sa.literal_column("'2030-01-01 09:00:00'", Timestamp))
            found = connection.execute(query).scalar_one()
    time.tzset()
    database.dispose()

    assert found == datetime(2030, 1, 1, 9, tzinfo=UTC)
