"""What ``check`` says about a PostgreSQL server, and the way to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests.waiting import wait_until
from worker.cli.check.postgresql import findings
from worker.database import Database


def lines(url: str) -> list[str]:
    """Return what is found, as it is printed."""
    database = Database(url)
    found = [finding.line for finding in findings(database)]
    database.dispose()
    return found


@contextmanager
def on_the_server(url: str, setting: str, value: str) -> Iterator[None]:
    """Change a setting of the whole server for a while."""
    name = sql.Identifier(setting)
    with psycopg.connect(url, autocommit=True) as server:
        before = _set(server, sql.SQL("ALTER SYSTEM SET {} = {}").format(name, sql.Literal(value)), setting)
        try:
            wait_until(lambda: _shown(server, setting) == value)
            yield
        finally:
            _set(server, sql.SQL("ALTER SYSTEM RESET {}").format(name), setting)
            wait_until(lambda: _shown(server, setting) == before)


def _set(server: psycopg.Connection, statement: sql.Composed, setting: str) -> object:
    before = _shown(server, setting)
    server.execute(statement)
    server.execute("SELECT pg_reload_conf()")
    return before


def _shown(server: psycopg.Connection, setting: str) -> object:
    row = server.execute("SELECT current_setting(%s)", [setting]).fetchone()
    return None if row is None else row[0]


def test_a_server_as_it_should_be_is_no_news(postgresql_url: str, sqlite_url: str) -> None:
    """Nothing is said where there is nothing to say."""
    assert lines(postgresql_url) == []
    assert lines(sqlite_url) == []


def test_a_pooler_is_named(pooled_url: str) -> None:
    """It is fine, and it is good to know that it is there."""
    (line,) = lines(pooled_url)
    assert line.startswith("ok ")
    assert "pooler" in line


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_keep_what_it_confirms_is_a_warning(postgresql_url: str, setting: str) -> None:
    """By the setting's name, with what it means, and what to do."""
    with on_the_server(postgresql_url, setting, "off"):
        found = lines(postgresql_url)

    (line,) = found
    assert line.startswith(f"warn database: {setting} = off")
    assert "crash" in line
    assert line.endswith(f"-- set {setting} = on there")


def test_a_default_that_each_transaction_overrides_is_no_warning(postgresql_url: str) -> None:
    """The server's synchronous_commit = off does no harm to ours."""
    with on_the_server(postgresql_url, "synchronous_commit", "off"):
        assert lines(postgresql_url) == []
