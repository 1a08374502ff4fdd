"""A server on loopback that answers each connection once; a crowd of silent ones keeps nobody waiting."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from socketserver import BaseRequestHandler, TCPServer, ThreadingMixIn
from typing import Any

from worker.connections.consent.browser_pages import Page, unreadable
from worker.connections.consent.browser_request import BrowserRequest, UnreadableError, read_request

MOST_CONNECTIONS = 64
SEND_SECONDS = 5.0
LAST_WORDS_SECONDS = 1.0

Answer = Callable[[BrowserRequest], Page]


class BrowserServer(ThreadingMixIn, TCPServer):
    """Gives every request to *answer*, and sends the page that comes back."""

    daemon_threads = True
    allow_reuse_address = True  # a second `connect` need not wait for the first one's connections to time out
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        self.answer = answer
        self._open: deque[socket.socket] = deque()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- as inherited
        """Begin with a connection; where there are too many, the one that has been silent longest ends."""
        with self._lock:
            self._open.append(request)
            oldest = self._open.popleft() if len(self._open) > MOST_CONNECTIONS else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 -- as inherited
        """Close a connection, and forget it."""
        super().shutdown_request(request)
        with self._lock, suppress(ValueError):
            self._open.remove(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that hangs up early is no trouble of the operator's."""


class BrowserServerOfVersion6(BrowserServer):
    """The same on ::1."""

    address_family = socket.AF_INET6


class _Connection(BaseRequestHandler):
    server: BrowserServer

    def handle(self) -> None:
        connection: socket.socket = self.request
        with suppress(OSError):
            try:
                request = read_request(connection)
            except UnreadableError as error:
                _send(connection, unreadable(error.status).written())
                return
            if request is not None:
                page = self.server.answer(request)
                _send(connection, page.written(body=request.method != "HEAD"))


def _send(connection: socket.socket, answer: bytes) -> None:
    connection.settimeout(SEND_SECONDS)
    connection.sendall(answer)
    # What is closed before all was read is reset, and takes the answer along.
    connection.shutdown(socket.SHUT_WR)
    ends_at = time.monotonic() + LAST_WORDS_SECONDS
    connection.settimeout(LAST_WORDS_SECONDS)
    while time.monotonic() < ends_at and connection.recv(65_536):
        pass
