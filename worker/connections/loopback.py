"""Wait on this host for the browser that Envoy sends back (RFC 8252, section 7.3)."""

import queue
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from worker.errors import NeedsAuthorisation, UsageError

PASTE_HINT = "run `envoy-worker connect NAME --paste`, and paste the URL that the browser ends up at"
REQUEST_SECONDS = 10

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Connection": "close",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
RECEIVED = ("Envoy has answered", "You can close this page. The terminal shows how the connection stands.")
DECLINED = ("Nothing was authorised", "You can close this page. The terminal says what to do next.")
MISMATCH = ("This page belongs to another attempt", "Open the URL that the terminal shows, and no other.")
ABSENT = ("Nothing is here", "This address only waits for Envoy's answer.")


class RedirectListener:
    """Answers the redirect URI on the loopback interface, for as long as the block lasts."""

    def __init__(self, redirect_uri: str, validate: Callable[[str], object] | None = None) -> None:
        """Prepare to answer *redirect_uri*.

        *validate* gets every URL that arrives there: UsageError means that it is not the awaited one,
        and the wait goes on.
        """
        self._uri = urlsplit(redirect_uri)
        self._validate = validate
        self._urls: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            UsageError: the redirect URI is not on loopback, or its port is taken.
        """
        self._server = _bound(self._uri, self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def wait(self, timeout: float) -> str | None:
        """Return the URL that the browser was sent to, None if none came within *timeout* seconds."""
        try:
            return self._urls.get(timeout=timeout)
        except queue.Empty:
            return None

    def answer(self, target: str) -> tuple[HTTPStatus, tuple[str, str]]:
        """Return the status and page for a request's *target*, and take the awaited URL."""
        parts = urlsplit(target)
        if parts.path != (self._uri.path or "/"):
            return HTTPStatus.NOT_FOUND, ABSENT
        url = self._uri._replace(query=parts.query).geturl()
        page = RECEIVED
        try:
            if self._validate is not None:
                self._validate(url)
        except UsageError:
            return HTTPStatus.BAD_REQUEST, MISMATCH
        except NeedsAuthorisation:
            page = DECLINED
        self._urls.put(url)
        return HTTPStatus.OK, page

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                status, (title, text) = listener.answer(self.path)
                body = PAGE.format(title=title, text=text).encode()
                self.send_response_only(status)
                for name, value in HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write no log: the request line holds the code."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that hangs up early is no trouble of the operator's."""

    def server_bind(self) -> None:
        """Bind without looking the host's name up, which may take long."""
        TCPServer.server_bind(self)


class _ServerOfVersion6(_Server):
    address_family = socket.AF_INET6


def _bound(uri: SplitResult, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    if uri.scheme != "http" or uri.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise UsageError("[envoy] redirect_uri is not an http URL of this host", hint=PASTE_HINT)
    try:
        if uri.hostname == "::1":
            return _ServerOfVersion6(("::1", uri.port or 80), handler)
        return _Server(("127.0.0.1", uri.port or 80), handler)
    except OSError as error:
        reason = error.strerror
    raise UsageError(
        f"the port of [envoy] redirect_uri cannot be opened: {reason}",
        hint=f"end what uses {uri.netloc} (another `connect`?), or {PASTE_HINT}",
    )
