"""A house for each test: a database of each kind, a clock, and a token endpoint."""

from collections.abc import Iterator

import pytest

from tests.integration.connections.support import Clock, House, TokenEndpoint, oauth_for
from worker.connections.vault import Vault, new_key
from worker.database import Database
from worker.envoy.http import HttpClient


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    """Give an empty house."""
    clock = Clock()
    database = Database(database_url, clock=clock)
    endpoint = TokenEndpoint()
    with HttpClient(max_connections=16, user_agent="tests") as http:
        yield House(database, clock, Vault(new_key()), endpoint, oauth_for(http, endpoint))
    endpoint.close()
    database.dispose()
