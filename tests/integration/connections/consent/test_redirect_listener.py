"""Who may end the wait for a consent, and what everybody else is answered, over real sockets."""

import socket
from collections.abc import Iterator

import pytest

from worker.connections.consent.browser_pages import HEADERS
from worker.connections.consent.loopback import RedirectListener
from worker.connections.consent.redirect import AuthorisationRequest, code_from
from worker.errors import WrongIssuer

STATE = "state-0123456789"


def awaited(port: int, host: str = "127.0.0.1") -> AuthorisationRequest:
    """Return a flow that ends at that port."""
    return AuthorisationRequest(
        url=f"https://app.envoy.example/a/auth/v0/authorize?state={STATE}",
        state=STATE,
        verifier=None,
        redirect_uri=f"http://{host}:{port}/oauth/callback",
        scopes=(),
    )


@pytest.fixture
def port() -> int:
    """Give a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def listener(port: int) -> Iterator[RedirectListener]:
    """Wait for a flow's end."""
    request = awaited(port)
    with RedirectListener(request.redirect_uri, lambda url: code_from(request, url)) as listening:
        yield listening


def said(port: int, sent: bytes, *, family: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    """Send bytes, and return the status, the headers and the body of the answer."""
    with socket.create_connection((family, port), timeout=5) as connection:
        connection.sendall(sent)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    head, _, body = answer.decode().partition("\r\n\r\n")
    line, *rest = head.split("\r\n")
    return int(line.split()[1]), dict(one.split(": ", 1) for one in rest), body


def get(port: int, query: str = f"code=abc&state={STATE}", *, host: str | None = None) -> bytes:
    """Return what a browser sends that Envoy has sent back."""
    named = f"127.0.0.1:{port}" if host is None else host
    return f"GET /oauth/callback?{query} HTTP/1.1\r\nHost: {named}\r\nAccept: */*\r\n\r\n".encode()


def test_another_name_of_this_host_is_not_answered(listener: RedirectListener, port: int) -> None:
    """A page may reach the port by a name of its own that leads here; the wait goes on."""
    own = f"127.0.0.1:{port}"
    others = [
        "evil.example", f"evil.example:{port}", f"{own}.evil.example", f"localhost:{port}", f"[::1]:{port}",
        "127.0.0.1", "127.0.0.1:1", f"127.0.0.2:{port}", f"me@{own}", f"{own}, {own}", f"http://{own}", "",
    ]  # fmt: skip
    statuses = {host: said(port, get(port, host=host))[0] for host in others}
    twice = get(port).replace(b"Accept", f"Host: {own}\r\nAccept".encode())
    none = get(port).replace(b"Host", b"X-Host")

    assert statuses == dict.fromkeys(others, 400)
    assert [said(port, sent)[0] for sent in (twice, none)] == [400, 400]
    assert listener.wait(0.01) is None
    assert said(port, get(port))[0] == 200
    assert listener.wait(5) == f"http://{own}/oauth/callback?code=abc&state={STATE}"


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("[::1]", "::1")])
def test_the_name_is_that_of_the_redirect_uri(port: int, host: str, address: str) -> None:
    """Whatever name of this host it has, in any case of its letters."""
    with RedirectListener(awaited(port, host).redirect_uri) as listener:
        own, other = (
            said(port, get(port, host=name), family=address)[0]
            for name in (f"{host.upper()}:{port}", f"127.0.0.1:{port}")
        )

        assert (own, other) == (200, 400)
        assert listener.wait(5) is not None


# What is no request of a browser that Envoy has sent back, and what it is told.
STRANGE = [
    (b"GET / HTTP/1.1\r\nHost: {own}\r\n\r\n", 404),
    (b"GET //evil.example/oauth/callback HTTP/1.1\r\nHost: {own}\r\n\r\n", 404),
    (b"GET http://{own}/oauth/callback HTTP/1.1\r\nHost: {own}\r\n\r\n", 404),
    (b"HEAD /oauth/callback HTTP/1.1\r\nHost: {own}\r\n\r\n", 405),
    (b"POST /oauth/callback HTTP/1.1\r\nHost: {own}\r\nContent-Length: 2\r\n\r\n{}", 405),
    (b"OPTIONS * HTTP/1.1\r\nHost: {own}\r\n\r\n", 405),
    (b"BREW / HTTP/1.1\r\nHost: {own}\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\nHost: {own}\r\n\r\n", 505),
    (b"GET /\r\n", 400),
    (b"hello\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"\r\n\r\n", 400),
    (b"GET / HTTP/1.1 more\r\n", 400),
    (b"GET /\x00 HTTP/1.1\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : {own}\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: {own}\r\n continued\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: {own}\r\nX: a\rb\r\n\r\n", 400),
    (b"GET /" + b"a" * 9_000, 414),
    (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 9_000, 431),
    (b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, 431),
]


def test_each_answer_has_the_headers_and_no_version(listener: RedirectListener, port: int) -> None:
    """Whatever is asked, and however: nothing is kept, framed or run, and the wait goes on."""
    for sent, expected in STRANGE:
        status, headers, body = said(port, sent.replace(b"{own}", f"127.0.0.1:{port}".encode()))

        assert (status, sent[:40]) == (expected, sent[:40])
        assert {**headers, **HEADERS} == headers
        assert headers.keys() - HEADERS.keys() <= {"Content-Length", "Allow"}
        assert bool(body) is not sent.startswith(b"HEAD")
    assert listener.wait(0.01) is None


def test_a_crowd_of_silent_connections_keeps_nobody_waiting(listener: RedirectListener, port: int) -> None:
    """Some say nothing, some never end their request: the browser is answered while they are still there."""
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
    for number, silent in enumerate(crowd):
        silent.sendall(b"GET / HTTP/1.1\r\nX: "[: number % 20])
    status, _, _ = said(port, get(port))
    crowd[-1].setblocking(False)

    assert (status, listener.wait(5) is not None) == (200, True)
    with pytest.raises(BlockingIOError):  # it is neither answered nor closed
        crowd[-1].recv(1)
    for silent in crowd:
        silent.close()


@pytest.mark.parametrize(
    "issuer",
    ["https://app.envoy.example", "https://APP.envoy.example:443/", "https://app.envoy.example/a/auth/v0"],
)
def test_an_answer_of_the_server_that_was_asked_is_taken(
    listener: RedirectListener, port: int, issuer: str
) -> None:
    """Where Envoy names its issuer, the origin of the consent page is what counts."""
    assert said(port, get(port, f"code=abc&state={STATE}&iss={issuer}"))[0] == 200
    assert listener.wait(5) is not None


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example", "http://app.envoy.example", "https://app.envoy.example:8443", "",
        "app.envoy.example",
        "https://app.envoy.example.evil.example", "https://app.envoy.example@evil.example",
        "https://me@app.envoy.example", "https://app.envoy.example%3Fx", "https://app.envoy.example%23x",
        "https://app.en%0Avoy.example", "%20https://app.envoy.example", "https://[", "null", "%F0%9F%98%80",
    ],
)  # fmt: skip
def test_an_answer_of_another_server_ends_the_flow(
    listener: RedirectListener, port: int, issuer: str
) -> None:
    """Its code was made for other hands (RFC 9207): nothing is exchanged, and nothing of it is quoted."""
    status, _, body = said(port, get(port, f"code=abc&state={STATE}&iss={issuer}"))
    url = listener.wait(5)

    assert (status, "Nothing was authorised" in body) == (400, True)
    assert url is not None
    with pytest.raises(WrongIssuer) as caught:
        code_from(awaited(port), url)
    assert "evil" not in f"{caught.value} {caught.value.hint}"


def test_an_issuer_without_our_state_ends_nothing(listener: RedirectListener, port: int) -> None:
    """Nor does one that comes twice: anyone who does not know the state cannot end the flow."""
    for query in (
        "code=abc&state=wrong&iss=https://evil.example",
        f"code=abc&state={STATE}&iss=https://app.envoy.example&iss=https://evil.example",
    ):
        assert said(port, get(port, query))[0] == 400
    assert listener.wait(0.01) is None


def test_a_wait_may_be_endless(listener: RedirectListener, port: int) -> None:
    """No number of seconds is too large."""
    assert said(port, get(port))[0] == 200

    assert listener.wait(float("inf")) is not None
