"""The HTTP client against peers that trickle, hang up or talk nonsense, over real sockets."""

import contextlib
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from worker.envoy.http.client import Answer, HttpClient
from worker.errors import EnvoyError, OutcomeUnknown

SECRET = "secret-token-1"

Behaviour = Callable[[socket.socket], None]


class Peer:
    """A server on loopback that reads one request, and then behaves as it is told."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests = 0
        self._behave = behave
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                request = b""
                while not request.endswith(b"}"):
                    request += connection.recv(65_536)
                self.requests += 1
                self._behave(connection)
                self._stopped.wait(10)


def says(answer: bytes) -> Behaviour:
    """Answer with these bytes, and keep the connection open."""
    return lambda connection: connection.sendall(answer)


def hangs_up_after(answer: bytes) -> Behaviour:
    """Answer with these bytes, and close."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


def drips(start: bytes, drop: bytes) -> Behaviour:
    """Answer for half a minute, a little at a time, faster than any timeout of a single read."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(1_500):
            connection.sendall(drop)
            time.sleep(0.02)

    return behave


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """Give a client."""
    with HttpClient(max_connections=8, user_agent="test/1") as client:
        yield client


def post(http: HttpClient, url: str, seconds: float = 5.0) -> Answer:
    """Send a small POST that is full of a secret."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = f"{url}/v1/x?q={SECRET}"
    return http.send("POST", url, deadline_seconds=seconds, headers=headers, json={"a": SECRET})


def failure(http: HttpClient, url: str, seconds: float = 5.0) -> EnvoyError:
    """Return the error that a POST ends with."""
    with pytest.raises(EnvoyError) as caught:
        post(http, url, seconds)
    return caught.value


@pytest.mark.parametrize(
    "behave",
    [
        drips(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        says(b""),
    ],
    ids=["headers", "interim answers", "body", "chunks", "silence"],
)
def test_no_answer_may_outlast_the_deadline(http: HttpClient, behave: Behaviour) -> None:
    """However it is stretched: the deadline is one for the whole request.

    Only time shows that: the bound is ten times the deadline, and a tenth of what a peer takes that drips.
    """
    with Peer(behave) as peer:
        begin = time.monotonic()
        error = failure(http, peer.url, 0.3)
        took = time.monotonic() - begin

    assert (type(error), error.error_code) == (OutcomeUnknown, "timeout")
    assert 0.25 < took < 3


def test_a_peer_that_does_not_read_cannot_hold_a_write(http: HttpClient) -> None:
    """A request larger than the sockets' buffers ends by the deadline too."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(OutcomeUnknown) as caught:
            http.send("POST", url, deadline_seconds=0.3, json="x" * 30_000_000)

    assert caught.value.error_code == "timeout"


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (hangs_up_after(b""), "connection_lost"),
        (hangs_up_after(b"HTTP/1.1 200 OK\r\nContent-Le"), "connection_lost"),
        (hangs_up_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), "connection_lost"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "bad_answer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"), "bad_answer"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000), "bad_answer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), "bad_answer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 2_100_000), "answer_too_large"),
        (hangs_up_after(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 2_100_000), "answer_too_large"),
    ],
)
def test_a_request_without_a_proper_answer_has_an_unknown_outcome(
    http: HttpClient, behave: Behaviour, code: str
) -> None:
    """It was sent, so it may have been executed; and it is not sent again in here."""
    with Peer(behave) as peer:
        error = failure(http, peer.url)

    assert (type(error), error.error_code, peer.requests) == (OutcomeUnknown, code, 1)


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 9\r\n\r\n{}", b"Content-Encoding: gzip\r\n\r\nx", b"\r\n" + b" " * 2_100_000],
    ids=["cut short", "compressed", "too large"],
)
def test_a_refusal_stands_even_if_its_body_is_broken(http: HttpClient, rest: bytes) -> None:
    """The status line alone says that nothing was executed."""
    with Peer(hangs_up_after(b"HTTP/1.1 422 Unprocessable\r\n" + rest)) as peer:
        answer = post(http, peer.url)

    assert (answer.status, answer.body) == (422, b"")


@pytest.mark.parametrize(
    "behave", [hangs_up_after(b""), says(b"HTTP/1.1 200 " + SECRET.encode() + b"\r\nX\r\n\r\n"), says(b"")]
)
def test_an_error_carries_nothing_of_the_request(http: HttpClient, behave: Behaviour) -> None:
    """No library's exception hangs on it, and no token, path or body shows in it."""
    with Peer(behave) as peer:
        error = failure(http, peer.url, 0.3)

    assert (error.__context__, error.__cause__) == (None, None)
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
