"""Databases without any table, and as other people set them up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign_databases import COMMANDS, CommandResult, ForeignServer, RunAsOperator
from worker.cli import run_command
from worker.connections.vault import new_key
from worker.database import Database


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """Give a database of each kind without any table."""
    if database_url.startswith("sqlite"):
        database = Database(f"sqlite:///{tmp_path}/empty.db")
    else:
        database = Database(database_url)
        with database.write() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    yield database
    database.dispose()


@pytest.fixture
def foreign_server(postgresql_server: str) -> Iterator[ForeignServer]:
    """Give a server on which databases and roles can be made."""
    made = ForeignServer(postgresql_server)
    yield made
    made.close()


@pytest.fixture
def run_as_operator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunAsOperator:
    """Give a way to run a command on a database as an operator would."""
    monkeypatch.setenv("ENVOY_CLIENT_ID", "client")
    monkeypatch.setenv("ENVOY_CLIENT_SECRET", "secret")
    monkeypatch.setenv("WORKER_ENCRYPTION_KEYS", new_key())
    monkeypatch.setenv("WORKER_ENVOY__API_URL", "http://127.0.0.1:1")

    def said(url: str, command: str, *more: str) -> CommandResult:
        monkeypatch.setenv("DATABASE_URL", url)
        capsys.readouterr()
        code = run_command([*COMMANDS[command], *more])
        return CommandResult(code, *capsys.readouterr())

    return said
