"""Several statements as one PostgreSQL transaction that is sent as a whole: all of them, or none."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.errors import DatabaseLocked, DatabaseUnreachable

INSERT = "INSERT INTO number (n) VALUES (%(n)s) RETURNING n"
MINE = "SELECT pg_backend_pid(), current_setting('synchronous_commit'), current_setting('lock_timeout')"


@pytest.fixture
def direct(postgresql_url: str) -> Iterator[Database]:
    """Give a database without a pooler before it, with a table of numbers that each is in once."""
    database = Database(postgresql_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE number (n int PRIMARY KEY)")
    yield database
    database.dispose()


def numbers(database: Database) -> list[int]:
    """Return what is in the table."""
    with database.read() as connection:
        return list(connection.execute(sa.text("SELECT n FROM number ORDER BY n")).scalars())


def test_all_of_them_are_committed_and_each_has_its_rows(direct: Database) -> None:
    """A later statement sees what an earlier one has written, and nothing stays open."""
    found = direct.in_one_trip([(INSERT, {"n": 1}), (INSERT, {"n": 2}), ("SELECT count(*) FROM number", {})])

    assert found == [[(1,)], [(2,)], [(2,)]]
    assert numbers(direct) == [1, 2]


def test_a_statement_that_fails_takes_all_of_them_back(direct: Database) -> None:
    """The error is that statement's, not that of those behind it."""
    with pytest.raises(sa.exc.IntegrityError) as caught:
        direct.in_one_trip([(INSERT, {"n": 7}), (INSERT, {"n": 7}), (INSERT, {"n": 8})])

    assert getattr(caught.value.orig, "sqlstate", None) == "23505"
    assert numbers(direct) == []


def test_what_was_to_be_prepared_behind_a_failure_works_later(direct: Database) -> None:
    """The driver prepares what it has executed five times, also where the server never comes to it."""
    for number in range(12):
        with pytest.raises(sa.exc.IntegrityError):
            direct.in_one_trip([("INSERT INTO number VALUES (1), (1)", {}), (INSERT, {"n": number})])
        assert direct.in_one_trip([(INSERT, {"n": number})]) == [[(number,)]]

    assert numbers(direct) == list(range(12))


def test_it_begins_as_every_writing_transaction_does(direct: Database) -> None:
    """Durable whatever the server's default, and with an end to its waits."""
    with direct.write() as connection:
        usual = tuple(connection.exec_driver_sql(MINE).one())[1:]
    name = sa.make_url(str(direct.url)).database
    with direct.write() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    direct.dispose()
    found = direct.in_one_trip([(MINE, {})])

    assert found is not None
    assert tuple(found[0][0])[1:] == usual == ("on", "3s")


def test_a_lock_is_not_waited_for_without_end(direct: Database) -> None:
    """It fails as a locked row does everywhere, and nothing of it is committed."""
    direct.in_one_trip([(INSERT, {"n": 1})])
    with direct.write() as other:
        other.exec_driver_sql("UPDATE number SET n = 5 WHERE n = 1")
        with pytest.raises(DatabaseLocked):
            direct.in_one_trip([(INSERT, {"n": 2}), ("DELETE FROM number WHERE n = 1", {})])

    assert numbers(direct) == [5]


def test_a_lost_connection_is_an_unreachable_database_and_the_next_one_is_new(direct: Database) -> None:
    """Whether it was committed is not known then: the caller is told what it is told by a commit."""
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(DatabaseUnreachable):
        direct.in_one_trip([(INSERT, {"n": 1}), (end, {}), (INSERT, {"n": 2})])

    assert direct.in_one_trip([(INSERT, {"n": 3})]) == [[(3,)]]
    assert numbers(direct) == [3]


def test_behind_a_pooler_nothing_is_executed(pooled_url: str) -> None:
    """Not every pooler passes several statements on before the first one is answered."""
    database = Database(pooled_url)

    assert database.in_one_trip([("CREATE TABLE number (n int)", {})]) is None
    with database.read() as connection:
        assert not sa.inspect(connection).has_table("number")
    database.dispose()
