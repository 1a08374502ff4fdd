"""The HTTP client with a well-behaved server on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest

from worker.envoy.http.client import Answer, HttpClient
from worker.errors import EnvoyError, Misdirected, NotSent


class Server(ThreadingHTTPServer):
    """Answers everything with one prepared answer, and keeps what it was sent."""

    def __init__(self, status: int = 201, **headers: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.headers = status, headers
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: set[object] = set()
        self.arrived, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.socket.close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Keep the request, and echo its body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((dict(self.headers.items()), body))
        self.server.connections.add(self.client_address)
        self.server.arrived.set()
        self.server.may_answer.wait(10)
        self.send_response(self.server.status)
        for name, value in {**self.server.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that answers 201."""
    with Server() as running:
        yield running


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """Give a client."""
    with HttpClient(max_connections=8, user_agent="test/1") as client:
        yield client


def post(http: HttpClient, url: str, seconds: float = 5.0, body: object = None) -> Answer:
    """Send a small POST."""
    return http.send("POST", url, deadline_seconds=seconds, json={"a": "ü"} if body is None else body)


def failure(http: HttpClient, url: str, seconds: float = 5.0) -> EnvoyError:
    """Return the error that a POST ends with."""
    with pytest.raises(EnvoyError) as caught:
        post(http, url, seconds)
    return caught.value


def test_an_answer_comes_back_whole(http: HttpClient) -> None:
    """Status, headers in any case, and body; none of the latter in a repr."""
    with Server(422, **{"X-Reason": "r-1"}) as server:
        answer = post(http, server.url)

    assert (answer.status, answer.headers["x-reason"], answer.body) == (422, "r-1", b'{"a":"\\u00fc"}')
    assert repr(answer) == "Answer(status=422)"


def test_a_request_says_who_sends_it_and_wants_no_compression(http: HttpClient, server: Server) -> None:
    """There is no header of the library's own."""
    post(http, server.url)

    ((headers, _),) = server.requests
    expected = {"Host", "User-Agent", "Accept", "Accept-Encoding", "Content-Type", "Content-Length"}
    assert set(headers) == expected
    assert (headers["User-Agent"], headers["Accept-Encoding"]) == ("test/1", "identity")


def test_a_refused_connection_sent_nothing(http: HttpClient) -> None:
    """Nobody listens, so the request may be repeated at will."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    error = failure(http, f"http://127.0.0.1:{port}")

    assert (type(error), error.error_code) == (NotSent, "connect_failed")


def test_a_name_that_cannot_be_resolved_sent_nothing(http: HttpClient) -> None:
    """And the hint says where to look."""
    error = failure(http, f"http://{'a' * 64}.example")

    assert (type(error), error.error_code) == (NotSent, "dns_failed")
    assert "[envoy]" in error.hint


def test_a_full_pool_sent_nothing(server: Server) -> None:
    """A request that found no free connection in its time never left."""
    server.may_answer.clear()
    with HttpClient(max_connections=1, user_agent="test/1") as http, ThreadPoolExecutor() as pool:
        first = pool.submit(post, http, server.url)
        assert server.arrived.wait(5)
        error = failure(http, server.url, 0.1)
        server.may_answer.set()
        answer = first.result()

    assert (type(error), error.error_code) == (NotSent, "pool_exhausted")
    assert (answer.status, len(server.requests)) == (201, 1)


@pytest.mark.parametrize(
    "veto", [OSError("lease"), TimeoutError("lease"), LookupError("lease"), KeyboardInterrupt()]
)
def test_a_veto_before_the_first_byte_goes_up_unchanged(
    http: HttpClient, server: Server, veto: BaseException
) -> None:
    """And nothing was sent, on a new connection or a kept one."""

    def refuse() -> None:
        raise veto

    for _ in range(2):
        with pytest.raises(type(veto)) as caught:
            http.send("POST", server.url, deadline_seconds=5, before_write=refuse)
        assert caught.value is veto
        post(http, server.url)

    assert len(server.requests) == 2


def test_the_last_question_is_asked_before_anything_is_sent(http: HttpClient, server: Server) -> None:
    """Once for each request, when its connection is open."""
    seen: list[int] = []

    def ask() -> None:
        seen.append(len(server.requests))

    for _ in range(2):
        http.send("POST", server.url, deadline_seconds=5, before_write=ask)

    assert seen == [0, 1]


def test_a_last_question_that_outlasts_the_deadline_sends_nothing(http: HttpClient, server: Server) -> None:
    """The deadline is looked at once more behind it."""
    with pytest.raises(NotSent):
        http.send("POST", server.url, deadline_seconds=0.05, before_write=lambda: time.sleep(0.1))

    assert server.requests == []


def test_a_redirect_is_not_followed(http: HttpClient, server: Server) -> None:
    """The body holds secrets, and the other host is a stranger."""
    with Server(307, Location=server.url) as redirecting:
        answer = post(http, redirecting.url)

    assert (answer.status, server.requests) == (307, [])


def test_no_cookie_is_kept(http: HttpClient) -> None:
    """One client serves all customers: a session of one must not reach the next."""
    with Server(200, **{"Set-Cookie": "session=1; Path=/"}) as server:
        post(http, server.url)
        post(http, server.url)

    assert [name for headers, _ in server.requests for name in headers if name == "Cookie"] == []


def test_the_environment_cannot_reroute_a_request(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that somebody left behind is not obeyed."""
    with Server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with HttpClient(max_connections=1, user_agent="test/1") as http:
            post(http, server.url)

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "a\x00", "ü"])
def test_a_header_cannot_smuggle_another(http: HttpClient, server: Server, value: str) -> None:
    """The value is refused before anything is sent, and not quoted."""
    with pytest.raises(ValueError, match="X-Request-Id") as caught:
        http.send("POST", server.url, deadline_seconds=5, headers={"X-Request-Id": value})

    assert "Evil" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["", "api.envoy.com", "ftp://127.0.0.1/", "http://", "http://[::1", "http://\x00/"]
)
def test_an_address_that_is_none_points_at_the_settings(http: HttpClient, url: str) -> None:
    """The configured URL is wrong: a person must repair it."""
    error = failure(http, url)

    assert (type(error), error.error_code, error.__context__) == (Misdirected, "bad_url", None)


def test_threads_share_one_client_and_its_connections(http: HttpClient, server: Server) -> None:
    """Every answer reaches its own thread, over no more connections than allowed."""
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda number: post(http, server.url, body=[number]).body, range(200))

    assert list(answers) == [b"[%d]" % number for number in range(200)]
    assert len(server.connections) <= 8


def test_a_closed_client_sends_nothing(server: Server) -> None:
    """A late thread meets a typed error, and opens no connection again."""
    http = HttpClient(max_connections=1, user_agent="test/1")
    http.close()

    error = failure(http, server.url)

    assert (type(error), error.error_code, server.requests) == (NotSent, "client_closed", [])
