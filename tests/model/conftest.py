"""One database of each kind for all statements of the model: its rows keep out of each other's way."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.model.real_rows import RealRows
from tests.postgresql import with_name
from worker.database import Database


@pytest.fixture(scope="module")
def sqlite_rows(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRows]:
    """Give an SQLite database."""
    path = tmp_path_factory.mktemp("model") / "worker.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield RealRows(database)
    database.dispose()


@pytest.fixture(scope="module")
def postgresql_rows(postgresql_server: str, postgresql_template: str) -> Iterator[RealRows]:
    """Give a PostgreSQL database."""
    name = f"model_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{postgresql_template}"')
        database = Database(with_name(postgresql_server, name))
        yield RealRows(database)
        database.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def real_rows(request: pytest.FixtureRequest) -> RealRows:
    """Give a database, once of each kind."""
    given: RealRows = request.getfixturevalue(f"{request.param}_rows")
    return given
