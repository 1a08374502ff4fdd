"""The database: transactions and the clock."""

from datetime import UTC, datetime, timedelta

from worker.database import Database, utc_now


def test_the_clock_of_the_database_is_aware_and_now(database: Database) -> None:
    """The database's own clock is read in UTC, and is close to this host's."""
    moment = database.read_now()

    assert moment.tzinfo is UTC
    assert abs(moment - utc_now()) < timedelta(seconds=5)


def test_a_clock_that_is_handed_in_replaces_the_databases_own(database_url: str) -> None:
    """Whoever hands in a clock decides what time it is for leases and due times."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    database = Database(database_url, clock=lambda: noon)

    assert database.read_now() == noon

    database.dispose()
