"""Total deadlines: no socket operation may wait longer than what is left of its request's time.

httpx bounds each operation by itself, so a server that sends one byte a second holds a request
for ever.  Here the network backend is wrapped: a request's deadline lies in thread-local storage
while it runs (the client is synchronous, kept streams are not a thread's own), and every connect,
TLS handshake, read and write is clamped to it.  Only the resolver takes its own time; a request
that comes out of it too late is not sent.
"""

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from worker.envoy.clock import boot_clock

# One TLS record: the timeout of a write is clamped afresh for each.
WRITE_CHUNK = 16_384

_thread = threading.local()


class DeadlinePassed(TimeoutError):
    """Nothing is left of the request's time."""


class Deadline:
    """The end of one request's time, on the boot clock; and whether its peer hung up."""

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self._end = boot_clock() + seconds
        self.peer_closed = False

    def remaining(self) -> float:
        """Return the seconds left, always above 0; DeadlinePassed when there are none."""
        left = self._end - boot_clock()
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


class Stream(Protocol):
    """What httpcore calls a network stream."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived; nothing means that the peer closed."""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send everything."""

    def close(self) -> None:
        """Close the socket."""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """Shake hands, and return the encrypted stream."""

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- httpcore's own signature
        """Return a detail of the connection."""


class Backend(Protocol):
    """What httpcore calls a network backend, as far as it is used."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream:
        """Open a connection."""


class DeadlineStream:
    """A stream whose every operation ends by the deadline of the thread that uses it."""

    def __init__(self, inner: Stream) -> None:
        """Wrap *inner*."""
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, and note an end of the stream on the deadline."""
        data = self._inner.read(max_bytes, clamp(timeout))
        end = current()
        if end is not None and not data:
            end.peer_closed = True
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


class DeadlineBackend:
    """Opens streams that obey deadlines."""

    def __init__(self, inner: Backend, *, failures: tuple[type[Exception], ...]) -> None:
        """Wrap *inner*, which raises *failures* where an address takes no connection."""
        self._inner = inner
        self._failures = failures

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> DeadlineStream:
        """Connect to the first address of *host* that answers, clamping each try by itself."""
        failure: Exception = OSError("the name has no address")
        # Left to the standard library, a name with six dead addresses waits six timeouts long.
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                inner = self._inner.connect_tcp(
                    str(address[0]), port, clamp(timeout), local_address, socket_options
                )
            except self._failures as error:
                failure = error
            else:
                return DeadlineStream(inner)
        raise failure
