"""A house for each test: a database of each kind, a clock, and a token endpoint."""

from collections.abc import Iterator

import pytest

from tests.integration.connections.endpoint import TokenEndpoint
from tests.integration.connections.support import Clock, House, RealClock, build
from worker.connections.tokens.access import Tokens
from worker.database import Database
from worker.envoy.http.client import HttpClient


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    """Give a token endpoint on a socket."""
    endpoint = TokenEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """Give the product's HTTP client."""
    with HttpClient(max_connections=16, user_agent="tests") as client:
        yield client


@pytest.fixture
def house(database_url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[House]:
    """Give a house whose clock is turned by hand, once on each database."""
    yield from _house(database_url, endpoint, http)


@pytest.fixture
def small_house(sqlite_url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[House]:
    """Give such a house on SQLite only, for what no database has a say in."""
    yield from _house(sqlite_url, endpoint, http)


@pytest.fixture
def locking_house(postgresql_url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[House]:
    """Give such a house on PostgreSQL only, where rows are locked one by one."""
    yield from _house(postgresql_url, endpoint, http)


def _house(url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[House]:
    clock = Clock()
    database = Database(url, clock=clock)
    yield build(url, database, clock, endpoint, http)
    database.dispose()


@pytest.fixture
def real_house(database: Database, database_url: str, endpoint: TokenEndpoint, http: HttpClient) -> House:
    """Give a house in real time, which other processes can live in, too."""
    return build(database_url, database, RealClock(), endpoint, http)


@pytest.fixture
def tokens(house: House) -> Iterator[Tokens]:
    """Give the tokens of one process, and close them."""
    made = house.tokens()
    yield made
    made.close()
