"""Databases without any table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
