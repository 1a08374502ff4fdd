"""Each transaction on PostgreSQL is as durable and as isolated as ours must be, whatever the defaults."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from tests.waiting import wait_until
from worker import migrations
from worker.database import Database, schema

SHOWN = ("synchronous_commit", "transaction_isolation", "lock_timeout")
HOSTILE = {
    "synchronous_commit": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "lock_timeout": "0",
}
OURS = ("on", "read committed", "3s")

Opened = Callable[[Mapping[str, str]], Database]


@pytest.fixture
def opened_with(postgresql_url: str) -> Iterator[Opened]:
    """Give what opens the database once its administrator has set defaults for all new connections."""
    name = sa.make_url(postgresql_url).database or ""
    opened: list[Database] = []

    def open_with(defaults: Mapping[str, str]) -> Database:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            for setting, value in defaults.items():
                statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
                connection.execute(
                    statement.format(sql.Identifier(name), sql.Identifier(setting), sql.Literal(value))
                )
        opened.append(Database(postgresql_url))
        return opened[-1]

    yield open_with
    for database in opened:
        database.dispose()


@pytest.fixture
def opened(opened_with: Opened) -> Database:
    """Open the database, with defaults that are not ours."""
    return opened_with(HOSTILE)


def shown(connection: sa.Connection, *names: str) -> tuple[str, ...]:
    """Return what is in force in this transaction."""
    return tuple(connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names)


def test_what_is_written_is_durable_and_read_committed(opened: Database) -> None:
    """Whatever the role or the database says; and no row's lock is waited for without end."""
    with opened.write() as connection:
        assert shown(connection, *SHOWN) == OURS

    with opened.session() as session:
        assert shown(session.connection(), *SHOWN) == OURS


@pytest.mark.parametrize("weaker", ["off", "local", "remote_write"])
def test_a_weaker_commit_is_made_as_strong_as_ours(opened_with: Opened, weaker: str) -> None:
    """A commit that waits for less than the standby's disk is waited for longer."""
    with opened_with({"synchronous_commit": weaker}).write() as connection:
        assert shown(connection, "synchronous_commit") == ("on",)


def test_a_stronger_commit_is_left_alone(opened_with: Opened) -> None:
    """Who wants each commit to be seen on the standby gets that."""
    with opened_with({"synchronous_commit": "remote_apply"}).write() as connection:
        assert shown(connection, "synchronous_commit") == ("remote_apply",)


def test_a_reader_sees_one_state_and_writes_nothing(opened: Database) -> None:
    """What others commit in between is not seen, and a write is refused by the server."""
    count = sa.text("SELECT count(*) FROM schema_compatibility WHERE length(revision) <> 4")
    with opened.read() as reader:
        before = reader.execute(count).scalar()
        with opened.write() as writer:
            writer.execute(sa.text("INSERT INTO schema_compatibility VALUES ('x')"))

        assert reader.execute(count).scalar() == before
        assert shown(reader, "transaction_read_only") == ("on",)


def test_nothing_of_ours_outlives_a_transaction(opened: Database) -> None:
    """The connection is as the administrator made it: anyone who uses it next finds nothing of ours."""
    for work in (opened.write, opened.read):
        with work() as connection:
            raw = connection.connection.driver_connection
        assert raw is not None
        for name, value in HOSTILE.items():
            assert raw.execute(f"SHOW {name}").fetchone() == (value,)


def test_many_transactions_begin_on_one_connection(opened: Database) -> None:
    """More than the driver waits for before it prepares a statement by itself."""
    servers = set()
    for _ in range(12):
        with opened.write() as connection:
            servers.add(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())

    assert len(servers) == 1


def test_a_migration_takes_the_time_that_it_takes(opened_with: Opened, postgresql_url: str) -> None:
    """However little the role may have for a statement: here it waits for another release's migration."""
    database = opened_with({"statement_timeout": "500ms"})
    with psycopg.connect(postgresql_url, autocommit=True) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET statement_timeout = 0")
        other.execute("SELECT pg_advisory_lock(%s)", [schema.UPGRADE_LOCK])
        upgraded = pool.submit(schema.upgrade, database)
        began = time.monotonic()
        wait_until(lambda: upgraded.done() or time.monotonic() - began > 1)
        other.execute("SELECT pg_advisory_unlock(%s)", [schema.UPGRADE_LOCK])

        assert upgraded.result() == (migrations.HEAD, migrations.HEAD)
