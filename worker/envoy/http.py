"""HTTP as the worker needs it: a total deadline, a size cap, and an honest word on what was sent.

The HTTP library is known to this module and those that it is made of, and to no other.  httpx's
transports are used without its client: no redirect is followed, no cookie of one customer is kept for
the next, no proxy is taken from the environment, no URL is logged.

Nor does it use the library's connection pool between threads.  httpcore 1.0.9 looks at connections
while other threads begin to use them, and closes one now and then under a request in flight: an
invite whose answer is lost.  So each connection is a transport of its own, lent to one thread.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Self, TypeAlias

import httpcore
import httpx

from worker.envoy.certificates import tls_context
from worker.envoy.clock import boot_clock
from worker.envoy.deadlines import Deadline, DeadlineBackend, deadline
from worker.envoy.failures import connect_code, not_sent, outcome_unknown
from worker.envoy.lending import AllLentError, Lender
from worker.envoy.outgoing import request_of
from worker.envoy.rehearsal import FIRST_BYTE, require_deadlines
from worker.envoy.transport import FAILURES, KeptTransport
from worker.errors import EnvoyError, NotSent
from worker.failpoints import failpoint

BeforeWrite: TypeAlias = Callable[[], None]

ANSWERED = "http11.receive_response_headers.complete"
PLACES = {"http11.send_request_body.complete": "after_bytes_written", ANSWERED: "after_envoy_committed"}
POOL_SECONDS = 10.0


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
        # A decompressed answer has no bound: none is asked for, and none is taken.
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        context = tls_context(trust_env=trust_env)
        self._transports = Lender(
            KeptTransport(context, DeadlineBackend(httpcore.SyncBackend()), clock=clock)
            for _ in range(max_connections)
        )

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
        request = request_of(method, url, {**self._headers, **(headers or {})}, json, deadline_seconds)
        with deadline(deadline_seconds) as end:
            outcome = self._outcome(request, _Exchange(end, before_write), max_bytes)
        # Raised out here, so that no library's exception, which holds the request, hangs on it.
        if isinstance(outcome, EnvoyError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close all connections; join the sending threads first, or their answers are lost."""
        self._closed = True
        for transport in self._transports.items:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(
        self, request: httpx.Request, exchange: "_Exchange", max_bytes: int | None
    ) -> Answer | EnvoyError:
        request.extensions["trace"] = exchange.trace
        try:
            with self._transports.lend(wait_seconds=exchange.wait_seconds()) as transport:
                return _received(transport.handle_request(request), max_bytes)
        except (*FAILURES, OSError, UnicodeError, AllLentError, _UnusableError) as error:
            if error is exchange.veto:
                raise
            return exchange.failed(error, request.url.host)


class _Exchange:
    """One request on its way: its deadline, and whether a byte may have left."""

    def __init__(self, end: Deadline, before_write: BeforeWrite | None) -> None:
        self._end = end
        self._before_write = before_write
        self._sent = False
        self.veto: BaseException | None = None

    def trace(self, event: str, _details: Mapping[str, object]) -> None:
        """Stand between the open connection and the first byte: the last chance to stop."""
        if event == FIRST_BYTE:
            self._ask()
            self._end.remaining()
            self._sent = True
        elif event == ANSWERED and not self._end.heard:
            # It came with the answer before it, so it is none to this request.
            raise _UnusableError("bad_answer")
        elif self._before_write is not None and event in PLACES:
            failpoint(PLACES[event])

    def wait_seconds(self) -> float:
        """Return how long to wait for a free connection."""
        return min(POOL_SECONDS, self._end.remaining())

    def failed(self, error: Exception, host: str) -> EnvoyError:
        """Return what *error* means, now that it is known whether anything was sent."""
        if self._sent:
            return outcome_unknown(self._answer_code(error), host)
        return not_sent(_connection_code(error), host)

    def _ask(self) -> None:
        try:
            if self._before_write is not None:
                self._before_write()
        except BaseException as veto:
            self.veto = veto
            raise

    def _answer_code(self, error: Exception) -> str:
        if isinstance(error, _UnusableError):
            return str(error)
        if isinstance(error, httpcore.TimeoutException | TimeoutError):
            return "timeout"
        broken = isinstance(error, httpcore.ProtocolError) and not self._end.peer_closed
        return "bad_answer" if broken else "connection_lost"


def _connection_code(error: Exception) -> str:
    if isinstance(error, AllLentError):
        return "pool_exhausted"
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        return "connect_timeout"
    return connect_code(error)


@cache
def _rehearsed() -> None:
    """Prove once that deadlines are kept by the very transport that will be used."""
    require_deadlines(lambda backend: KeptTransport(tls_context(trust_env=False), backend))


def _received(response: httpx.Response, max_bytes: int | None) -> Answer:
    with closing(response):
        body = b"" if max_bytes is None else _body(response, max_bytes)
    return Answer(response.status_code, response.headers, body)


def _body(response: httpx.Response, max_bytes: int) -> bytes:
    try:
        return _read(response, max_bytes)
    except (*FAILURES, OSError, _UnusableError):
        if response.is_success:
            raise
        # The status line alone decides what becomes of a refused request.
        return b""


def _read(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise _UnusableError("bad_answer")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise _UnusableError("answer_too_large")
    return bytes(body)
