"""Behind a pooler in transaction mode everything works, and nothing of ours stays on its connections."""

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.database.postgresql.connecting import is_pooled

ADD = sa.text("INSERT INTO schema_compatibility VALUES (:x)")
POOLED = 5  # as many connections as the pooler of the tests has


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    """Open the database by way of the pooler."""
    database = Database(pooled_url)
    yield database
    database.dispose()


def settings_of_others(url: str) -> set[tuple[object, ...]]:
    """Return what other clients of the pooler find set, on all of its connections."""
    query = """
        SELECT current_setting('lock_timeout'), current_setting('synchronous_commit'),
               current_setting('default_transaction_isolation'), current_setting('transaction_isolation'),
               current_setting('statement_timeout'),
               (SELECT count(*) FROM pg_prepared_statements)
    """
    found: set[tuple[object, ...]] = set()
    with ExitStack() as held:
        for _ in range(POOLED):  # each keeps one of the pooler's connections, in a transaction
            client = held.enter_context(psycopg.connect(url))
            row = client.execute(query).fetchone()
            assert row is not None
            found.add(row)
    return found


def test_statements_that_are_used_often_work_on_whatever_connection(
    pooled: Database, pooled_url: str
) -> None:
    """The pooler gives each transaction another one, which has none of the statements prepared."""
    with psycopg.connect(pooled_url) as other:
        for number in range(24):
            if number % 3 == 0:  # takes the connection that was used last, and later gives back another
                other.rollback()
            elif number % 3 == 1:
                other.execute("SELECT 1")
            with pooled.write() as connection:
                connection.execute(ADD, {"x": f"often-{number}"})

    with pooled.read() as connection:
        count = "SELECT count(*) FROM schema_compatibility WHERE revision LIKE 'often-%'"
        assert connection.execute(sa.text(count)).scalar() == 24


def test_nothing_of_ours_stays_on_the_connections_of_the_pooler(pooled: Database, pooled_url: str) -> None:
    """Another application that gets one of them next finds the server's defaults."""
    before = settings_of_others(pooled_url)
    with ExitStack() as held:
        for number in range(POOLED):
            held.enter_context(pooled.write()).execute(ADD, {"x": f"all-{number}"})
    with ExitStack() as held:
        for _ in range(POOLED):
            held.enter_context(pooled.read())

    assert settings_of_others(pooled_url) == before
    assert len(before) == 1


def test_a_pooler_is_recognised_by_itself(pooled: Database, postgresql_url: str) -> None:
    """No setting says so; and where there is none, none is seen."""
    direct = Database(postgresql_url)

    with pooled.read() as there, direct.read() as here:
        assert (is_pooled(there), is_pooled(here)) == (True, False)
    direct.dispose()
