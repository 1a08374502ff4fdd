"""What goes wrong with a database is one line for the operator, without a password and without a row."""

import sqlite3
import time
import traceback
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.database.failures import is_taken, may_be_committed
from worker.database.urls import normalise_url
from worker.errors import (
    ChangeRefused,
    DatabaseConflict,
    DatabaseLocked,
    DatabaseUnreachable,
    DiskFull,
    SchemaError,
    SettingsError,
)

PASSWORD = "Zq9-canary-Zq9"
RAISING = f"DO $$ BEGIN RAISE EXCEPTION '{PASSWORD}' USING ERRCODE = '{{state}}'; END $$"
STORED = sa.text("SELECT count(*) FROM schema_compatibility WHERE length(revision) <> 4")


def shown(error: BaseException) -> str:
    """Return all that a log or an error tracker could show of an error."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    return "".join(traceback.format_exception(error)) + "".join(map(repr, chain)) + getattr(error, "hint", "")


@pytest.mark.parametrize(
    "url", ["postgres://u:p@h:5432/d", "postgresql://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"]
)
def test_heroku_s_form_of_the_url_is_understood(url: str) -> None:
    """All three mean the same driver, and keep password and query."""
    parsed = normalise_url(f"{url}?sslmode=require")

    assert parsed.drivername == "postgresql+psycopg"
    assert (parsed.password, parsed.query["sslmode"]) == ("p", "require")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PASSWORD}@h/d",
        f"postgresql://u:{PASSWORD}@h:port/d",
        f"postgres://u:pa@ss:{PASSWORD}@h/d",
        f"{PASSWORD}",
        f"://{PASSWORD}",
        "",
    ],
)
def test_an_url_that_is_none_is_not_shown(url: str) -> None:
    """It may hold a password, however badly it is written."""
    with pytest.raises(SettingsError, match="must be an sqlite:/// or postgresql:// URL") as caught:
        normalise_url(url)

    assert PASSWORD not in shown(caught.value)


def test_a_server_that_does_not_answer_is_a_line_without_the_password() -> None:
    """Exit 69; where, and why, but not with what."""
    database = Database(f"postgresql://worker:{PASSWORD}@127.0.0.1:1/none")

    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1") as caught, database.write():
        pass
    database.dispose()

    assert int(caught.value.exit_code) == 69
    assert "DATABASE_URL" in caught.value.hint
    assert PASSWORD not in shown(caught.value)


def test_a_database_without_tables_is_a_line_with_the_command(tmp_path: Path, postgresql_url: str) -> None:
    """As it happens when the release phase was forgotten."""
    for url in (f"sqlite:///{tmp_path}/empty.db", postgresql_url):
        database = Database(url)
        with database.write() as connection:
            connection.exec_driver_sql("DROP VIEW IF EXISTS invite_status")
            connection.exec_driver_sql(
                f"DROP TABLE IF EXISTS invite{'' if database.is_sqlite else ' CASCADE'}"
            )

        with pytest.raises(SchemaError) as caught, database.read() as connection:
            connection.exec_driver_sql("SELECT * FROM invite")
        database.dispose()

        assert "db upgrade" in caught.value.hint


def test_a_writer_that_never_ends_is_named_as_the_reason(sqlite_url: str) -> None:
    """Exit 69, and a hint that another process keeps a transaction open; the URL may say how long to wait.

    Only time shows that: a hundred times what the URL says is still less than the usual wait.
    """
    database = Database(f"{sqlite_url}?timeout=0.05")
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()

    with pytest.raises(DatabaseLocked, match="locked by another writer"), database.write():
        pass
    assert time.monotonic() - began < 5, "not the usual ten seconds"
    other.close()
    database.dispose()


def test_a_server_that_takes_no_writes_is_away(postgresql_url: str) -> None:
    """As it is for a while after a failover: what waits for the database waits for this, too."""
    database = Database(postgresql_url)

    with pytest.raises(DatabaseUnreachable, match="read-only"), database.write() as connection:
        _write_read_only(connection)
    database.dispose()


def _write_read_only(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    connection.execute(sa.text("INSERT INTO schema_compatibility VALUES ('x')"))


def test_a_disk_that_is_full_is_named_as_the_reason(sqlite_url: str) -> None:
    """Exit 74, and nothing of the transaction is stored."""
    database = Database(sqlite_url)
    with pytest.raises(DiskFull) as caught:
        _fill(database)
    with database.read() as connection:
        stored = connection.execute(STORED).scalar()
    database.dispose()

    assert int(caught.value.exit_code) == 74
    assert stored == 0


def _fill(database: Database) -> None:
    insert = sa.text("INSERT INTO schema_compatibility VALUES (:x)")
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for number in range(3000):
            connection.execute(insert, {"x": f"{number:0500}"})


def test_a_refused_row_is_not_quoted(database: Database) -> None:
    """SQLAlchemy hides the values; the row's own text is not in our errors."""
    statement = sa.text(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at, wanted)"
        " VALUES ('acme', 'v-1', :name, 'Berlin', '2026-03-01T09:00:00Z', 'maybe')"
    )
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as connection:
        connection.execute(statement, {"name": PASSWORD})

    assert "invite_wanted_known" in str(caught.value)
    assert PASSWORD not in str(caught.value).partition("DETAIL")[0]


@pytest.mark.parametrize(
    ("statement", "taken"),
    [
        ("INSERT INTO schema_compatibility SELECT revision FROM schema_compatibility", True),
        ("INSERT INTO schema_compatibility VALUES (NULL)", False),
    ],
)
def test_a_value_that_another_row_has_is_told_from_other_rules(
    database: Database, statement: str, taken: bool
) -> None:
    """Only the first says something about another row."""
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as connection:
        connection.exec_driver_sql(statement)

    assert is_taken(caught.value) is taken


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", DatabaseUnreachable),
        ("25P03", DatabaseUnreachable),
        ("26000", DatabaseUnreachable),
        ("40001", DatabaseConflict),
        ("40P01", DatabaseConflict),
        ("53100", DiskFull),
        ("53300", DatabaseUnreachable),
        ("55P03", DatabaseLocked),
        ("57014", ChangeRefused),
        ("57P03", DatabaseUnreachable),
        ("58030", DatabaseUnreachable),
        ("P0001", ChangeRefused),
        ("XX000", DatabaseUnreachable),
    ],
)
def test_what_a_server_says_is_one_line_and_no_bug(
    postgresql_url: str, state: str, kind: type[Exception]
) -> None:
    """By its state, or by the class of it."""
    database = Database(postgresql_url)
    with pytest.raises(kind) as caught, database.write() as connection:
        connection.exec_driver_sql(RAISING.format(state=state))
    database.dispose()

    assert type(caught.value) is kind
    assert getattr(caught.value, "hint", "")


def test_the_words_of_another_application_s_trigger_are_not_shown(postgresql_url: str) -> None:
    """They may hold the row; which function it is, is said."""
    database = Database(postgresql_url)
    with pytest.raises(DatabaseUnreachable) as caught, database.write() as connection:
        connection.exec_driver_sql(RAISING.format(state="P0001"))
    database.dispose()

    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert "inline_code_block" in str(caught.value)


def test_a_statement_that_takes_too_long_names_the_timeout(postgresql_url: str) -> None:
    """A role's statement_timeout is the administrator's; what it ends is no bug."""
    database = Database(postgresql_url)
    with pytest.raises(DatabaseUnreachable) as caught, database.write() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)")
    database.dispose()

    assert "statement_timeout" in caught.value.hint


def test_what_was_prepared_before_a_migration_is_no_bug(postgresql_url: str) -> None:
    """Another release alters a table under us: once the database is told as away, then all is well."""
    database = Database(postgresql_url)
    query = sa.text("SELECT * FROM schema_compatibility WHERE revision <> :none")
    for _ in range(7):
        with database.read() as connection:
            before = len(connection.execute(query, {"none": ""}).all())
    with psycopg.connect(postgresql_url) as other:
        other.execute("ALTER TABLE schema_compatibility ADD COLUMN note text")

    with pytest.raises(DatabaseUnreachable, match="cached plan"), database.read() as connection:
        connection.execute(query, {"none": ""})
    with database.read() as connection:
        assert len(connection.execute(query, {"none": ""}).all()) == before
    database.dispose()


@pytest.mark.parametrize(
    ("error", "open_"),
    [
        (DatabaseUnreachable("lost"), True),
        (DiskFull("full"), True),
        (DatabaseLocked("locked"), False),
        (DatabaseConflict("rolled back"), False),
        (ChangeRefused("by a trigger"), False),
        (SchemaError("no such column"), False),
        (sa.exc.ProgrammingError("x", None, Exception()), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_nobody_has_heard_the_end_of_may_be_committed(error: Exception, open_: bool) -> None:
    """A statement that was refused took its transaction back; to look for what it wrote is in vain."""
    assert may_be_committed(error) is open_


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """What an error interrupts is rolled back."""
    with pytest.raises(KeyError), database.write() as connection:
        _insert_and_break(connection)

    with database.read() as connection:
        assert connection.execute(STORED).scalar() == 0


def _insert_and_break(connection: sa.Connection) -> None:
    connection.execute(sa.text("INSERT INTO schema_compatibility VALUES ('x')"))
    raise KeyError


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    """It sees the state before, at once."""
    with database.write() as connection:
        connection.execute(sa.text("INSERT INTO schema_compatibility VALUES ('x')"))
        with database.read() as reader:
            assert reader.execute(STORED).scalar() == 0
