"""What the tests of refreshing beside the work need: a token endpoint that hangs, and customers."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import AccessToken, Tokens

DUE, OVER = 3200, 4000  # seconds after a consent, of the 3,600 that a token lives
CUSTOMERS = 30


class HangingEndpoint:
    """A token endpoint that takes requests and answers none, until it is told to."""

    def __init__(self, worker: WorkerWithTokenEndpoint) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)
        worker.endpoint.during = self._hang

    def _hang(self) -> None:
        self.asked.release()
        assert self.may_answer.wait(4)

    def wait_for(self, requests: int) -> None:
        """Return once so many requests more have come in."""
        for _ in range(requests):
            assert self.asked.acquire(timeout=10)


@contextmanager
def hanging(worker: WorkerWithTokenEndpoint) -> Iterator[HangingEndpoint]:
    """Let the token endpoint answer nobody within the block, unless it is told to."""
    endpoint = HangingEndpoint(worker)
    try:
        yield endpoint
    finally:
        endpoint.may_answer.set()


def connect(worker: WorkerWithTokenEndpoint, number: int = CUSTOMERS) -> list[int]:
    """Connect customers; return their ids."""
    return [worker.connect(f"customer-{index:02}", f"{20_000 + index}") for index in range(number)]


def begun(found: AccessToken | Future[AccessToken]) -> Future[AccessToken]:
    """Return the future of a refresh; there was no token at hand."""
    assert isinstance(found, Future)
    return found


def versions(worker: WorkerWithTokenEndpoint, number: int = CUSTOMERS) -> set[int]:
    """Return which versions of their tokens customers have by now."""
    return {worker.row(f"customer-{index:02}").token_version for index in range(number)}


def wait_for_all(tokens: Tokens) -> None:
    """Return once nothing is being refreshed any more."""
    with tokens._pool._changed:
        assert tokens._pool._changed.wait_for(lambda: not tokens._pool._threads, timeout=30)


def theirs(worker: WorkerWithTokenEndpoint) -> dict[str, Any]:
    """Return the columns of a lease that a process of another host holds."""
    return {
        "lease_owner": "another-host/77/1#x",
        "lease_until": worker.clock() + timedelta(seconds=90),
    }
