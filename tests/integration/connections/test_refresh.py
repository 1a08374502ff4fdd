"""Refreshing: when it happens, how often, and what is stored."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.connections.support import START, House, Reply, refusal
from worker.errors import EnvoyError, NeedsAuthorisation, TryLater


def test_a_fresh_token_is_given_without_a_request(house: House) -> None:
    """Far from its end, the stored token is simply handed out."""
    number = house.connect()

    token = house.tokens().access(number)

    assert token.value == "access-10000-000001"
    assert (token.version, token.issued_at) == (1, START)
    assert house.endpoint.posted == []


def test_a_token_near_its_end_is_replaced(house: House) -> None:
    """Ahead of its end, the token is refreshed once, and the new pair is what is stored."""
    number = house.connect()
    house.clock.advance(3000)

    token = house.tokens().access(number)

    assert token.value == "access-10000-000002"
    assert house.endpoint.posted == ["refresh-10000-000001"]
    assert house.stored_refresh_token() == "refresh-10000-000002"
    assert house.tokens().access(number) == token
