"""What time it is at Envoy, asked of a real server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from worker.envoy.http.client import HttpClient
from worker.envoy.server_clock import ServerClock
from worker.errors import EnvoyError

THEN = datetime(2031, 3, 1, 9, tzinfo=UTC)
SAID = "Sat, 01 Mar 2031 09:00:00 GMT"


@contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Run a server that gives one answer to all, and keeps the headers that it was sent."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def asked(status: int, **headers: str) -> tuple[ServerClock, list[dict[str, str]]]:
    """Return a clock that has asked such a server, and what the server saw."""
    clock = ServerClock(clock=lambda: 0.0)
    with answering(status, **headers) as (url, seen), HttpClient(max_connections=1, user_agent="t") as http:
        clock.ask(http, url)
    return clock, seen


@pytest.mark.parametrize("status", [200, 401, 404, 429, 500, 503])
def test_any_answer_tells_the_time(status: int) -> None:
    """Asked once, at the very address, and without credentials."""
    clock, seen = asked(status, Date=SAID)

    assert clock.now() == THEN
    assert [request["path"] for request in seen] == ["/"]
    assert not {"authorization", "cookie"} & seen[0].keys()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """Wherever it leads, nobody there is asked."""
    with answering(200, Date=SAID) as (elsewhere, seen):
        clock, _ = asked(302, Date="Sat, 01 Mar 2031 09:00:00 GMT", Location=elsewhere)

    assert (clock.now(), seen) == (THEN, [])


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"Content-Length": "1000000000000"}])
def test_the_body_does_not_matter(headers: dict[str, str]) -> None:
    """However long it is said to be, and in whatever encoding: it is not read."""
    clock, _ = asked(200, Date=SAID, **headers)

    assert clock.now() == THEN


@pytest.mark.parametrize(
    "date", ["", "soon", "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 1994 00:00:00 GMT"]
)
def test_what_is_no_time_is_not_believed(date: str) -> None:
    """And what was known before stays."""
    clock, _ = asked(200, Date=date)
    clock.see({"Date": SAID})
    with answering(200, Date=date) as (url, _seen), HttpClient(max_connections=1, user_agent="t") as http:
        clock.ask(http, url)

    assert clock.now() == THEN


def test_nobody_there_is_an_error_of_envoys() -> None:
    """One that says what to do next."""
    with HttpClient(max_connections=1, user_agent="t") as http, pytest.raises(EnvoyError):
        ServerClock().ask(http, "http://127.0.0.1:9")


def test_it_goes_on_by_the_boot_clock_for_a_day() -> None:
    """And looks at one answer a minute at most."""
    boot = [0.0]
    clock = ServerClock(clock=lambda: boot[0])
    assert clock.now() is None
    clock.see({"Date": SAID})
    boot[0] = 59.0
    clock.see({"Date": "Sat, 01 Mar 2036 09:00:00 GMT"})
    soon = clock.now()
    boot[0] = 86_401.0
    late = clock.now()
    clock.see({"Date": "Sat, 01 Mar 2036 09:00:00 GMT"})

    assert (soon, late) == (THEN + timedelta(seconds=59), None)
    assert clock.now() == datetime(2036, 3, 1, 9, tzinfo=UTC)
