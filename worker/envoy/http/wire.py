"""The stream that httpcore speaks over: a socket that no operation can block beyond the deadline.

It never blocks in the kernel but in ``poll``, and for what is left of the exchange's time.  What is
written is kept until an answer is asked for, and then sent as one piece: a request is one system call
instead of a few, each of which would hand the interpreter's lock over.  So it is here, and not on the
library's word, that the last question is asked before the first byte.
"""

import select
import socket
import ssl
from typing import Any

import httpcore

from worker.envoy.http.deadlines import DeadlinePassed
from worker.envoy.http.exchange import Exchange


class Wire(httpcore.NetworkStream):
    """One open connection, for one exchange at a time."""

    def __init__(self, opened: socket.socket, exchange: Exchange) -> None:
        """Own the socket, and serve *exchange* first."""
        opened.setblocking(False)
        self._socket = opened
        self._tls = opened if isinstance(opened, ssl.SSLSocket) else None
        self._readable = select.poll()
        self._readable.register(opened, select.POLLIN)
        self._unsent: list[bytes] = []
        self._exchange = exchange

    def serve(self, exchange: Exchange) -> None:
        """Serve *exchange* from now on."""
        self._exchange = exchange

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 -- the deadline counts
        """Keep *buffer* until an answer is read."""
        if buffer:
            self._unsent.append(buffer)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 -- as above
        """Send what is kept, and return what has come; nothing at the end of the stream."""
        if self._unsent:
            self._send()
        data = self._receive(max_bytes)
        self._exchange.hear(data)
        return data

    def close(self) -> None:
        """Close the socket; this never waits."""
        self._unsent.clear()
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- httpcore's own signature
        """Return whether anything has come unasked ("is_readable"): an idle connection is then at its end."""
        return bool(self._readable.poll(0)) if info == "is_readable" else None

    def _send(self) -> None:
        rest = memoryview(b"".join(self._unsent))
        self._unsent.clear()
        self._exchange.first_byte()
        try:
            while rest:
                rest = rest[self._some_sent(rest) :]
        except DeadlinePassed:
            raise
        except OSError:
            # The peer may have answered before it had read all, and hung up: then the answer can be read.
            return
        self._exchange.written()

    def _some_sent(self, data: memoryview) -> int:
        while True:
            try:
                return self._socket.send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)

    def _receive(self, max_bytes: int) -> bytes:
        # What TLS has decrypted already makes no socket readable.
        if self._tls is None or not self._tls.pending():
            self._wait(select.POLLIN)
        while True:
            try:
                return self._socket.recv(max_bytes)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)

    def _wait(self, event: int) -> None:
        poll = self._readable
        if event != select.POLLIN:
            poll = select.poll()
            poll.register(self._socket, event)
        if not poll.poll(self._exchange.deadline.remaining() * 1000):
            raise DeadlinePassed("the deadline has passed")
