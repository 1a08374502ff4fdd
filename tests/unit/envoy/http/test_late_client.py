"""The HTTP client that is made by the first request."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Unpack

import pytest

from worker.envoy.http.client import Answer
from worker.envoy.http.late import LateHttp, Options
from worker.errors import SettingsError

THREADS = 8


class Client:
    """Answers with what it was asked."""

    def send(self, method: str, url: str, **options: Unpack[Options]) -> Answer:
        """Return the request as an answer."""
        return Answer(200, {}, f"{method} {url} {sorted(options)}".encode())


def test_it_is_made_once_by_the_first_of_many_threads() -> None:
    """And by nobody who sends nothing; what is sent goes to it as it is."""
    made: list[Client] = []
    together = threading.Barrier(THREADS, timeout=10)

    def make() -> Client:
        made.append(Client())
        return made[-1]

    late = LateHttp(make)
    assert made == []

    def send(_: int) -> bytes:
        together.wait()
        return late.send("GET", "http://x/", deadline_seconds=1, max_bytes=None).body

    with ThreadPoolExecutor(THREADS) as pool:
        answers = set(pool.map(send, range(THREADS)))

    assert len(made) == 1
    assert answers == {b"GET http://x/ ['deadline_seconds', 'max_bytes']"}


def test_what_keeps_it_from_being_made_is_told_each_time() -> None:
    """Nothing was sent, and the next request tries again."""
    calls: list[None] = []

    def make() -> Client:
        calls.append(None)
        raise SettingsError("the HTTP library keeps no deadline")

    late = LateHttp(make)
    for _ in range(2):
        with pytest.raises(SettingsError):
            late.send("GET", "http://x/", deadline_seconds=1)
    assert len(calls) == 2
