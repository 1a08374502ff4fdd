"""One kept connection to Envoy: httpx's transport interface upon httpcore's public pool.

httpx hands no network backend on to its pool, so its own transport could keep no deadline.
"""

import re
import ssl
from collections.abc import Callable, Iterator

import httpcore
import httpx

from worker.envoy.clock import boot_clock

# Common servers close a connection that was idle for five seconds.  A request that crosses their end
# of it on the way was perhaps executed: so no connection is used that was idle for nearly as long.
IDLE_SECONDS = 3.0
# What httpcore raises: it has no class above them all.
FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
_ANNOUNCED = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


class KeptTransport(httpx.BaseTransport):
    """Room for one connection, for one thread at a time; *clock* counts suspension."""

    def __init__(
        self,
        context: ssl.SSLContext,
        backend: httpcore.NetworkBackend,
        *,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Connect nothing yet."""
        self._pool = httpcore.ConnectionPool(ssl_context=context, max_connections=1, network_backend=backend)
        self._clock = clock
        self._good_until = clock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* over the kept connection, or over a new one where that was idle for long.

        httpcore's exceptions go up as they are.  A connection that the server has closed already is not
        used either: the pool looks for that.
        """
        if self._clock() > self._good_until:
            self._pool.close()
        answer = self._pool.handle_request(_lowered(request))
        headers = httpx.Headers(answer.headers)
        stream = _Stream(answer, lambda: self._now_idle(headers))
        return httpx.Response(answer.status, headers=headers, stream=stream, extensions=answer.extensions)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _now_idle(self, headers: httpx.Headers) -> None:
        self._good_until = self._clock() + idle_seconds(headers.get("Keep-Alive"))


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, ended: Callable[[], None]) -> None:
        self._answer = answer
        self._ended = ended

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._ended()
        self._answer.close()


def idle_seconds(announced: str | None) -> float:
    """Return for how long a connection may be idle; the server may have *announced* less (``Keep-Alive``)."""
    found = _ANNOUNCED.search(announced or "")
    if found is None:
        return IDLE_SECONDS
    return min(IDLE_SECONDS, max(0.0, int(found[1]) - 1.0))


def _lowered(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    assert isinstance(request.stream, httpx.SyncByteStream)  # noqa: S101 -- its content is bytes
    return httpcore.Request(
        request.method,
        url,
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )
