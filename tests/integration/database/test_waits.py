"""Other programs keep the database: they are waited for, and not by a process that is to end.

That a wait is short only time shows: half a second for whom it is to end, a minute for others on SQLite, and
the bound is far from both.  What a PostgreSQL server is told is compared word by word.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.database.sqlite import space
from worker.errors import DatabaseLocked, SettingsError

QUERY = sa.text("SELECT count(*) FROM invite")
ADD = sa.text("INSERT INTO schema_compatibility VALUES ('x')")
BEGUN_SECONDS = 0.3  # long enough for a thread to wait; sooner, it is refused for the stop all the same
USUAL_SECONDS = 60.0  # of a wait on SQLite while nobody stops
SOON_SECONDS = 12.0


@pytest.fixture
def stop() -> threading.Event:
    """Give what tells the process to end."""
    return threading.Event()


@pytest.fixture
def stopping(database_url: str, stop: threading.Event) -> Iterator[Database]:
    """Give the database of a process that can be told to end."""
    is_sqlite = database_url.startswith("sqlite")
    opened = Database(patient(database_url) if is_sqlite else database_url, stop=stop)
    yield opened
    opened.dispose()


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """Give the database as another program has it."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


def patient(sqlite_url: str) -> str:
    """Return the URL of a file by which a process waits for others as long as is usual here."""
    return f"{sqlite_url}?timeout={USUAL_SECONDS}"


def write(database: Database) -> None:
    """Write as a job does."""
    with database.write() as connection:
        connection.execute(ADD)


def read(database: Database) -> None:
    """Read as a job does."""
    with database.read() as connection:
        connection.execute(QUERY)


def keep(other: Database, connection: sa.Connection) -> None:
    """Keep everybody else from writing, and on PostgreSQL from reading, too."""
    if not other.is_sqlite:  # there, a transaction that writes is the lock
        connection.execute(sa.text("LOCK TABLE invite, schema_compatibility IN ACCESS EXCLUSIVE MODE"))


def refused(database: Database, work: Callable[[Database], object]) -> float:
    """Return how long it took until a piece of work was refused for a lock."""
    began = time.monotonic()
    with pytest.raises(DatabaseLocked):
        work(database)
    return time.monotonic() - began


def test_a_process_that_is_to_end_waits_for_no_other_writer(
    stopping: Database, other: Database, stop: threading.Event
) -> None:
    """Neither for the one of a file, nor for a lock of a table."""
    stop.set()
    with other.write() as connection:
        keep(other, connection)

        assert refused(stopping, write) < SOON_SECONDS


def test_nor_does_a_reader_of_postgresql(postgresql_url: str, stop: threading.Event) -> None:
    """A table that is being rebuilt keeps readers out, too."""
    stop.set()
    stopping, other = Database(postgresql_url, stop=stop), Database(postgresql_url)
    with other.write() as connection:
        keep(other, connection)
        took = refused(stopping, read)
    stopping.dispose()
    other.dispose()

    assert took < SOON_SECONDS


def test_a_stop_ends_the_waits_that_have_begun(
    stopping: Database, other: Database, stop: threading.Event
) -> None:
    """Of all threads: of the one that waits for the other program, and of those behind it."""
    with other.write() as connection, ThreadPoolExecutor(4) as pool:
        keep(other, connection)
        writers = [pool.submit(write, stopping) for _ in range(4)]
        threading.Event().wait(BEGUN_SECONDS)
        early = [writer for writer in writers if writer.done()]
        stop.set()
        failures = [writer.exception(timeout=SOON_SECONDS) for writer in writers]

    assert early == []
    assert {type(failure) for failure in failures} == {DatabaseLocked}


def test_while_nobody_stops_another_program_is_waited_for(stopping: Database, other: Database) -> None:
    """Longer than a connection waits by itself."""
    with ThreadPoolExecutor(1) as pool:
        with other.write() as connection:
            keep(other, connection)
            writer = pool.submit(write, stopping)
            threading.Event().wait(2 * BEGUN_SECONDS)
            assert not writer.done()
        writer.result(timeout=60)

    with stopping.read() as connection:
        assert connection.execute(sa.text("SELECT 1 FROM schema_compatibility WHERE revision = 'x'")).scalar()


def test_the_shorter_wait_is_of_one_transaction(postgresql_url: str, stop: threading.Event) -> None:
    """Behind a pooler the connection is somebody else's next."""
    database = Database(postgresql_url, pool_size=1, stop=stop)
    stop.set()
    waits = []
    for opened in (database.read, database.write):
        with opened() as connection:
            waits.append(connection.execute(sa.text("SHOW lock_timeout")).scalar())
    stop.clear()
    with database.read() as connection:
        waits.append(connection.execute(sa.text("SHOW lock_timeout")).scalar())
    database.dispose()

    assert waits == ["500ms", "500ms", "3s"]


@pytest.fixture
def exclusive(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Give a program that keeps even readers out of a file."""
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    yield other
    other.close()


def test_a_reader_waits_for_a_program_that_keeps_even_readers_out(
    sqlite_url: str, exclusive: sqlite3.Connection
) -> None:
    """It gets in as soon as the other one has gone."""
    database = Database(sqlite_url)
    with ThreadPoolExecutor(1) as pool:
        reader: Future[None] = pool.submit(read, database)
        threading.Event().wait(2 * BEGUN_SECONDS)
        assert not reader.done()
        exclusive.close()
        reader.result(timeout=60)
    database.dispose()


def test_a_reader_that_is_to_end_waits_no_longer(
    sqlite_url: str, exclusive: sqlite3.Connection, stop: threading.Event
) -> None:
    """Its wait has begun when the stop comes."""
    database = Database(patient(sqlite_url), stop=stop)
    with ThreadPoolExecutor(1) as pool:
        reader: Future[None] = pool.submit(read, database)
        threading.Event().wait(BEGUN_SECONDS)
        assert not reader.done()
        stop.set()
        assert isinstance(reader.exception(timeout=SOON_SECONDS), DatabaseLocked)
    exclusive.close()
    database.dispose()


def test_a_file_is_not_cleaned_by_a_process_that_is_to_end(sqlite_url: str, stop: threading.Event) -> None:
    """For that it must be alone, and another program writes."""
    database = Database(patient(sqlite_url), stop=stop)
    read(database)
    stop.set()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        took = refused(database, lambda file: space.give_back(file, stop, freed=True))
    database.dispose()

    assert took < SOON_SECONDS


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_a_mistake_in_the_settings(sqlite_url: str, text: str) -> None:
    """One line, before anything is opened."""
    with pytest.raises(SettingsError, match="timeout"):
        Database(f"{sqlite_url}?timeout={text}")
