"""A worker for each test: a database of each kind, a clock, and a token endpoint."""

from collections.abc import Iterator

import pytest

from tests.integration.connections.endpoint import TokenEndpoint
from tests.integration.connections.worker_with_token_endpoint import (
    Clock,
    RealClock,
    WorkerWithTokenEndpoint,
    build,
)
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
def worker(database_url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[WorkerWithTokenEndpoint]:
    """Give a worker whose clock is turned by hand, once on each database."""
    yield from _worker(database_url, endpoint, http)


@pytest.fixture
def sqlite_worker(
    sqlite_url: str, endpoint: TokenEndpoint, http: HttpClient
) -> Iterator[WorkerWithTokenEndpoint]:
    """Give such a worker on SQLite only, for what no database has a say in."""
    yield from _worker(sqlite_url, endpoint, http)


@pytest.fixture
def postgresql_worker(
    postgresql_url: str, endpoint: TokenEndpoint, http: HttpClient
) -> Iterator[WorkerWithTokenEndpoint]:
    """Give such a worker on PostgreSQL only, where rows are locked one by one."""
    yield from _worker(postgresql_url, endpoint, http)


def _worker(url: str, endpoint: TokenEndpoint, http: HttpClient) -> Iterator[WorkerWithTokenEndpoint]:
    clock = Clock()
    database = Database(url, clock=clock)
    yield build(url, database, clock, endpoint, http)
    database.dispose()


@pytest.fixture
def real_time_worker(
    database: Database, database_url: str, endpoint: TokenEndpoint, http: HttpClient
) -> WorkerWithTokenEndpoint:
    """Give a worker in real time, which other processes can live in, too."""
    return build(database_url, database, RealClock(), endpoint, http)


@pytest.fixture
def tokens(worker: WorkerWithTokenEndpoint) -> Iterator[Tokens]:
    """Give the tokens of one process, and close them."""
    made = worker.tokens()
    yield made
    made.close()
