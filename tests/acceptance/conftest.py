"""Installations with a sandbox of their own, before and after their customer has connected."""

from collections.abc import Iterator

import pytest

from tests.installation import Installation
from worker.sandbox import Sandbox


@pytest.fixture
def companies() -> int:
    """Say how many customers the sandbox has."""
    return 1


@pytest.fixture
def sandbox(companies: int) -> Iterator[Sandbox]:
    """Run a sandbox that grants what it is asked for."""
    with Sandbox(port=0, companies=companies) as running:
        yield running


@pytest.fixture
def installation(database_url: str, sandbox: Sandbox) -> Iterator[Installation]:
    """Give an installation on a fresh database, once of each kind."""
    made = Installation(database_url, sandbox)
    yield made
    made.database.dispose()


@pytest.fixture
def small_installation(sqlite_url: str, sandbox: Sandbox) -> Iterator[Installation]:
    """Give one on SQLite only, for what no database has a say in."""
    made = Installation(sqlite_url, sandbox)
    yield made
    made.database.dispose()


@pytest.fixture
def connected(installation: Installation) -> Installation:
    """Give an installation with one customer, once on each database."""
    installation.connect()
    return installation


@pytest.fixture
def small_connected(small_installation: Installation) -> Installation:
    """Give an installation with one customer on SQLite only."""
    small_installation.connect()
    return small_installation
