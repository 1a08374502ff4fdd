"""Wait on this host for the browser that Envoy sends back (RFC 8252, section 7.3)."""

import queue
import threading
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from worker.connections.consent.browser_pages import (
    ABSENT,
    DECLINED,
    MISMATCH,
    NOT_ENVOYS,
    RECEIVED,
    Page,
    unreadable,
)
from worker.connections.consent.browser_request import BrowserRequest
from worker.connections.consent.browser_server import BrowserServer, BrowserServerOfVersion6
from worker.errors import NeedsAuthorisation, UsageError, WrongIssuer

PASTE_HINT = "run `envoy-worker connect NAME --paste`, and paste the URL that the browser ends up at"
HTTP_PORT = 80


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
        self._server: BrowserServer | None = None

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            UsageError: the redirect URI is not on loopback, or its port is taken.
        """
        self._server = _bound(self._uri, self.answer)
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
            return self._urls.get(timeout=min(timeout, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None

    def answer(self, request: BrowserRequest) -> Page:
        """Return the page for a request, and take the awaited URL.

        A page of another site can reach this port under a name of its own that leads to loopback, but not
        under ours: so the Host must be that of the redirect URI.
        """
        if request.hosts not in _hosts(self._uri):
            return unreadable(HTTPStatus.BAD_REQUEST)
        if request.method != HTTPMethod.GET:
            known = request.method in HTTPMethod.__members__
            return unreadable(HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_IMPLEMENTED)
        if request.path != (self._uri.path or "/"):
            return ABSENT
        return self._taken(self._uri._replace(query=request.query).geturl())

    def _taken(self, url: str) -> Page:
        page = RECEIVED
        try:
            if self._validate is not None:
                self._validate(url)
        except UsageError:
            return MISMATCH
        except WrongIssuer:
            page = NOT_ENVOYS
        except NeedsAuthorisation:
            page = DECLINED
        self._urls.put(url)
        return page


def _hosts(uri: SplitResult) -> set[tuple[str, ...]]:
    """Return what the Host header may be: one, that of the redirect URI, without the port where it is 80."""
    name = f"[{uri.hostname}]" if ":" in (uri.hostname or "") else uri.hostname or ""
    port = uri.port or HTTP_PORT
    return {(f"{name}:{port}",)} | ({(name,)} if port == HTTP_PORT else set())


def _bound(uri: SplitResult, answer: Callable[[BrowserRequest], Page]) -> BrowserServer:
    if uri.scheme != "http" or uri.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise UsageError("[envoy] redirect_uri is not an http URL of this host", hint=PASTE_HINT)
    try:
        if uri.hostname == "::1":
            return BrowserServerOfVersion6(("::1", uri.port or HTTP_PORT), answer)
        return BrowserServer(("127.0.0.1", uri.port or HTTP_PORT), answer)
    except OSError as error:
        reason = error.strerror
    raise UsageError(
        f"the port of [envoy] redirect_uri cannot be opened: {reason}",
        hint=f"end what uses {uri.netloc} (another `connect`?), or {PASTE_HINT}",
    )
