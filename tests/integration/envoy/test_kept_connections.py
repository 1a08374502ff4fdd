"""Connections that are kept, with a server that counts them, and closes them when it likes."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from worker.envoy.http.client import BeforeWrite, HttpClient


class Keeper:
    """Answers every request over a connection that it keeps open, until it is told to close it."""

    def __init__(self, headers: str = "", *, repeats: int = 1, rubbish: bytes = b"") -> None:
        self.requests: list[int] = []  # by the number of their connection
        self._headers = headers
        self._repeats = repeats
        self._rubbish = rubbish
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()

    def hang_up(self) -> None:
        """Close every connection, as an idle one is closed; the client's side has got it on return."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._start(self._serve, connection, len(self._open))

    def _serve(self, connection: socket.socket, number: int) -> None:
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{self._headers}\r\n{{}}".encode()
        with connection, contextlib.suppress(OSError):
            while connection.recv(65_536):
                self.requests.append(number)
                connection.sendall(answer * self._repeats + self._rubbish)


class Clock:
    """A clock that is turned by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    """Give a client of one connection, on that clock."""
    with HttpClient(max_connections=1, user_agent="test/1", clock=clock) as client:
        yield client


def send(
    http: HttpClient, server: Keeper, method: str = "POST", before_write: BeforeWrite | None = None
) -> None:
    """Send a request without a body, which arrives in one piece, and is answered."""
    answer = http.send(method, server.url, deadline_seconds=5, before_write=before_write)
    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_a_connection_that_was_idle_for_three_seconds_is_opened_anew(
    http: HttpClient, clock: Clock, method: str
) -> None:
    """A server that closes it at five must not meet a create on its way."""
    with Keeper() as server:
        for idle in (0.0, 2.9, 3.1, 3.0, 3600.0):
            clock.now += idle
            send(http, server, method)

    assert server.requests == [1, 1, 2, 2, 3]


def test_idle_begins_with_the_end_of_the_last_answer(http: HttpClient, clock: Clock) -> None:
    """Not with the first use of the connection, which may go on for hours."""
    with Keeper() as server:
        for _ in range(5):
            clock.now += 2.0
            send(http, server)

    assert server.requests == [1] * 5


def test_a_server_that_announces_less_is_believed(http: HttpClient, clock: Clock) -> None:
    """Its header Keep-Alive says when it will close."""
    with Keeper("Keep-Alive: timeout=2, max=50\r\n") as server:
        for idle in (0.0, 0.9, 1.1):
            clock.now += idle
            send(http, server)

    assert server.requests == [1, 1, 2]


def test_a_connection_that_the_server_has_closed_is_not_written_to(http: HttpClient) -> None:
    """However short it was idle: the request goes out once, over a new one."""
    with Keeper() as server:
        send(http, server)
        server.hang_up()
        send(http, server)

    assert server.requests == [1, 2]


def test_what_came_with_the_answer_before_is_no_answer(http: HttpClient) -> None:
    """A server that says everything twice: else an invite got the id of another one."""
    asked: list[int] = []
    with Keeper(repeats=2) as server:
        for _ in range(3):
            send(http, server, before_write=lambda: asked.append(len(server.requests)))

    assert (server.requests, asked) == ([1, 2, 3], [0, 1, 2])


def test_rubbish_behind_an_answer_is_no_answer_either(http: HttpClient) -> None:
    """Nothing was sent yet when it is found: the request goes out once, over a new connection."""
    with Keeper(rubbish=b"rubbish\r\n\r\n") as server:
        for _ in range(3):
            send(http, server)

    assert server.requests == [1, 2, 3]


def test_another_server_gets_a_connection_of_its_own(http: HttpClient) -> None:
    """What is meant for one never goes to the one before."""
    with Keeper() as first, Keeper() as second:
        for server in (first, second, second, first):
            send(http, server)

    assert (first.requests, second.requests) == ([1, 2], [1, 1])
