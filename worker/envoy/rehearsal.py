"""Proof, before anything is sent, that the HTTP library can keep a deadline.

That rests on its handing every operation to our network backend, and on its word right before the
first byte.  Should a release of it cease to do either, requests would go out without a deadline and
without the last look at their lease, and nobody would notice.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import httpcore
import httpx

from worker.envoy.deadlines import DeadlineBackend, deadline
from worker.envoy.transport import FAILURES
from worker.errors import SettingsError

MakeTransport: TypeAlias = Callable[[httpcore.NetworkBackend], httpx.BaseTransport]

FIRST_BYTE = "http11.send_request_headers.started"
SECONDS = 60.0
NOWHERE = "https://127.0.0.1:9/"  # reached by a library only that connects by itself
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}")
IN_ORDER = ["connect", "shake hands", "first byte", "write", "read"]


def require_deadlines(make: MakeTransport) -> None:
    """Return if a transport of *make*, over a wire in memory, does everything by our backend in time.

    Raises:
        SettingsError: the library that is installed does not.
    """
    wire = _Wire()
    request = httpx.Request("POST", NOWHERE, content=b"{}", extensions={"trace": wire.trace})
    try:
        with deadline(SECONDS), make(DeadlineBackend(_Network(wire))) as transport:
            transport.handle_request(request).read()
    except (*FAILURES, OSError, TypeError, AttributeError):  # the last two: what we build on is not there
        wire.seen.clear()
    if list(dict.fromkeys(wire.seen)) != IN_ORDER or not wire.in_time:
        raise SettingsError(
            "the HTTP library that is installed keeps no deadline",
            hint="install the releases that requirements.txt names",
        )


class _Wire(httpcore.NetworkStream):
    """Notes what is done with it, and answers from memory."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.in_time = True
        self._answer = list(ANSWER)

    def note(self, what: str, timeout: float | None) -> None:
        """Take in an operation and for how long it may wait."""
        self.seen.append(what)
        self.in_time = self.in_time and timeout is not None and timeout <= SECONDS

    def trace(self, event: str, _details: Mapping[str, object]) -> None:
        """Take in the library's word on what comes next."""
        if event == FIRST_BYTE:
            self.seen.append("first byte")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 -- as inherited
        self.note("read", timeout)
        return self._answer.pop(0) if self._answer else b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 -- as inherited
        self.note("write", timeout)

    def close(self) -> None:
        """Nothing is open."""

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 -- as inherited
        server_hostname: str | None = None,  # noqa: ARG002
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        self.note("shake hands", timeout)
        return self

    def get_extra_info(self, info: str) -> None:
        """Nothing is known of it."""


class _Network(httpcore.NetworkBackend):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 -- as inherited
        port: int,  # noqa: ARG002
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        self._wire.note("connect", timeout)
        return self._wire
