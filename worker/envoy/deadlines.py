"""Total deadlines: no socket operation may wait longer than what is left of its request's time.

httpcore bounds each operation by itself, so a server that sends one byte a second holds a request
for ever.  Here the network backend is wrapped: a request's deadline lies in thread-local storage
while it runs (the client is synchronous, kept streams are not a thread's own), and every connect,
TLS handshake, read and write is clamped to it.  Only the resolver takes its own time; a request
that comes out of it too late is not sent.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import httpcore

from worker.envoy.clock import boot_clock

# One TLS record: the timeout of a write is clamped afresh for each.
WRITE_CHUNK = 16_384
# What a backend raises where an address takes no connection.
UNREACHED = (httpcore.ConnectError, httpcore.ConnectTimeout)

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]

_thread = threading.local()


class DeadlinePassed(TimeoutError):
    """Nothing is left of the request's time."""


class Deadline:
    """The end of one request's time, on the boot clock; and what its peer did: said something, hung up."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = boot_clock) -> None:
        """Start the clock."""
        self._clock = clock
        self._end = clock() + seconds
        self.peer_closed = False
        self.heard = False

    def remaining(self) -> float:
        """Return the seconds left, always above 0; DeadlinePassed when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise DeadlinePassed("the deadline has passed")
        return left


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Bound all socket operations of this thread together, inside the block, by *seconds*."""
    outer = current()
    _thread.deadline = Deadline(seconds)
    try:
        yield _thread.deadline
    finally:
        _thread.deadline = outer


def current() -> Deadline | None:
    """Return the deadline that this thread works under."""
    return getattr(_thread, "deadline", None)


def clamp(timeout: float | None) -> float | None:
    """Return *timeout*, shortened to what is left of the deadline."""
    end = current()
    if end is None:
        return timeout
    left = end.remaining()
    return left if timeout is None else min(timeout, left)


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose every operation ends by the deadline of the thread that uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        """Wrap *inner*."""
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, and note an end of the stream on the deadline."""
        data = self._inner.read(max_bytes, clamp(timeout))
        end = current()
        if end is not None:
            end.heard = True
            end.peer_closed = end.peer_closed or not data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*, a record at a time."""
        for start in range(0, len(buffer), WRITE_CHUNK):
            self._inner.write(buffer[start : start + WRITE_CHUNK], clamp(timeout))

    def close(self) -> None:
        """Close the socket; this never waits."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "DeadlineStream":
        """Shake hands within the deadline."""
        return DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, clamp(timeout)))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- httpcore's own signature
        """Return a detail of the connection."""
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens streams that obey deadlines."""

    def __init__(self, inner: httpcore.NetworkBackend, *, resolve: Resolve | None = None) -> None:
        """Wrap *inner*; *resolve* gives the addresses of a name, the best one first."""
        self._inner = inner
        self._resolve = resolve or addresses_of

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> DeadlineStream:
        """Connect to the first address of *host* that answers, clamping each try by itself."""
        failure: Exception = OSError("the name has no address")
        # Left to the standard library, a name with six dead addresses waits six timeouts long.
        for address in self._resolve(host, port):
            try:
                inner = self._inner.connect_tcp(address, port, clamp(timeout), local_address, socket_options)
            except UNREACHED as error:
                failure = error
            else:
                return DeadlineStream(inner)
        raise failure


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses that the system knows for a name."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
