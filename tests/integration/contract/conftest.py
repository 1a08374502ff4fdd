"""Callers of a fresh database of each kind."""

from collections.abc import Iterator

import pytest

from tests.integration.contract.caller import Caller


@pytest.fixture
def caller(database_url: str) -> Iterator[Caller]:
    """Give a caller, once on each database."""
    caller = Caller(database_url)
    yield caller
    caller.close()


@pytest.fixture
def sqlite_caller(sqlite_url: str) -> Iterator[Caller]:
    """Give a caller on SQLite."""
    caller = Caller(sqlite_url)
    yield caller
    caller.close()


@pytest.fixture
def postgresql_caller(postgresql_url: str) -> Iterator[Caller]:
    """Give a caller on PostgreSQL, as the owner of the tables."""
    caller = Caller(postgresql_url)
    yield caller
    caller.close()
