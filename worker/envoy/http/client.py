"""HTTP as the worker needs it: a total deadline, a size cap, and an honest word on what was sent.

The HTTP library is known to this module and those that it is made of, and to no other.  Of httpcore,
single connections are used, without its pool or httpx's client: no redirect is followed, no cookie of
one customer is kept for the next, no proxy is taken from the environment, no URL is logged.

httpcore 1.0.9's pool looks at connections while other threads begin to use them, and closes one now
and then under a request in flight: an invite whose answer is lost.  So each connection is lent to one
thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import httpcore

from worker.clock import boot_clock
from worker.envoy.answers import is_success
from worker.envoy.http.certificates import tls_context
from worker.envoy.http.connecting import open_socket
from worker.envoy.http.deadlines import Deadline
from worker.envoy.http.exchange import BeforeWrite, Exchange
from worker.envoy.http.failures import connect_code, not_sent, outcome_unknown
from worker.envoy.http.lending import AllLentError, Lender
from worker.envoy.http.outgoing import Outgoing, Place
from worker.envoy.http.rehearsal import require_deadlines
from worker.envoy.http.transport import FAILURES, Incoming, KeptConnection
from worker.envoy.http.wire import Wire
from worker.errors import EnvoyError, NotSent

__all__ = ["Answer", "BeforeWrite", "HttpClient"]

POOL_SECONDS = 10.0
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP response, whatever its status; ``headers`` ignores case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _UnusableError(Exception):
    """The answer breaks a rule of ours; the only argument is the error code."""


class HttpClient:
    """Sends single requests over kept connections; one is shared by all threads."""

    def __init__(
        self,
        *,
        max_connections: int,
        user_agent: str,
        trust_env: bool = False,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Do no network; *trust_env* obeys SSL_CERT_FILE and SSL_CERT_DIR, and nothing else.

        *clock* tells how long a connection was idle.

        Raises:
            SettingsError: the HTTP library that is installed keeps no deadline.
        """
        _rehearsed()
        self._closed = False
        self._outgoing = Outgoing(
            {
                "User-Agent": user_agent,
                "Accept": "application/json",
                # A decompressed answer has no bound: none is asked for, and none is taken.
                "Accept-Encoding": "identity",
            }
        )
        context = tls_context(trust_env=trust_env)

        def opened(place: Place, exchange: Exchange) -> Wire:
            return Wire(open_socket(place, context, exchange.deadline), exchange)

        self._connections = Lender(lambda: KeptConnection(opened, clock=clock), max_connections)

    def send(
        self,
        method: str,
        url: str,
        *,
        deadline_seconds: float,
        headers: Mapping[str, str] | None = None,
        json: object | None = None,
        max_bytes: int | None = 2_000_000,
        before_write: BeforeWrite | None = None,
    ) -> Answer:
        """Send one request, and return its answer within *deadline_seconds*, all told.

        *before_write* is called right before the first byte is written; what it raises goes up
        unchanged, and nothing was sent.  *max_bytes*: None reads no body at all.  NotSent and
        OutcomeUnknown say how far it came.
        """
        if self._closed:
            raise NotSent("the HTTP client is closed", error_code="client_closed")
        place, request = self._outgoing.request(method, url, headers or _NONE, json)
        exchange = Exchange(Deadline(deadline_seconds), before_write)
        outcome = self._outcome(place, request, exchange, max_bytes)
        # Raised out here, so that no library's exception, which holds the request, hangs on it.
        if isinstance(outcome, EnvoyError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close all connections; join the sending threads first, or their answers are lost."""
        self._closed = True
        for connection in self._connections.items:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(
        self, place: Place, request: httpcore.Request, exchange: Exchange, max_bytes: int | None
    ) -> Answer | EnvoyError:
        try:
            connection = self._connections.take(min(POOL_SECONDS, exchange.deadline.remaining()))
            try:
                return _received(connection.begin(place, request, exchange), max_bytes)
            finally:
                self._connections.give_back(connection)
        except (*FAILURES, OSError, UnicodeError, AllLentError, _UnusableError) as error:
            if error is exchange.veto:
                raise
            return _failed(error, exchange, place.host)


def _failed(error: Exception, exchange: Exchange, host: str) -> EnvoyError:
    """Return what *error* means, now that it is known whether anything was sent."""
    if exchange.sent:
        return outcome_unknown(_answer_code(error, exchange), host)
    return not_sent(_connection_code(error), host)


def _answer_code(error: Exception, exchange: Exchange) -> str:
    if isinstance(error, _UnusableError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "timeout"
    broken = isinstance(error, httpcore.ProtocolError) and not exchange.peer_closed
    return "bad_answer" if broken else "connection_lost"


def _connection_code(error: Exception) -> str:
    if isinstance(error, AllLentError):
        return "pool_exhausted"
    if isinstance(error, TimeoutError):
        return "connect_timeout"
    return connect_code(error)


@cache
def _rehearsed() -> None:
    """Prove once that deadlines are kept by the very connection that will be used."""
    require_deadlines(KeptConnection)


def _received(incoming: Incoming, max_bytes: int | None) -> Answer:
    try:
        body = b"" if max_bytes is None else _body(incoming, max_bytes)
    finally:
        incoming.close()
    return Answer(incoming.status, incoming.headers, body)


def _body(incoming: Incoming, max_bytes: int) -> bytes:
    try:
        return _read(incoming, max_bytes)
    except (*FAILURES, OSError, _UnusableError):
        if is_success(incoming.status):
            raise
        # The status line alone decides what becomes of a refused request.
        return b""


def _read(incoming: Incoming, max_bytes: int) -> bytes:
    if incoming.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise _UnusableError("bad_answer")
    body = bytearray()
    for chunk in incoming.chunks():
        body += chunk
        if len(body) > max_bytes:
            raise _UnusableError("answer_too_large")
    return bytes(body)
