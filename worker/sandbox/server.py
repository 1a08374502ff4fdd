"""A threaded server on loopback, one thread for each connection."""

import io
import math
import socket
import socketserver
import threading
import time
from contextlib import suppress
from typing import Any

from worker.sandbox.refusals import Dropped, bad_request
from worker.sandbox.routing import respond
from worker.sandbox.state import State
from worker.sandbox.wire import Response, read_request, refusal_response, write_response

HOST = "127.0.0.1"
GONE_WITHIN_SECONDS = 5.0


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts connections until it is closed; closing ends those that are open, too."""

    # A restart on the same port shall not wait for old connections to time out.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, state: State) -> None:
        self.state = state
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((HOST, port), Connection)
        state.port = self.port

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Stop accepting, cut every open connection, and wait until no request is being handled."""
        self.shutdown()
        self.server_close()
        # Threads that wait for an idle client's next request wake up when its socket ends.
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, GONE_WITHIN_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        """Remember the connection before its thread begins."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as inherited
        """Close a connection and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()


class Connection(socketserver.StreamRequestHandler):
    """Answers the requests of one connection, one after the other."""

    server: Server
    # Otherwise a small answer may wait 40 ms for the client's acknowledgement of the last one.
    disable_nagle_algorithm = True

    # When this connection's last answer was written; before the first one it is not idle.
    _idle_since = math.inf

    def handle(self) -> None:
        """Answer until the client leaves or a fault cuts the connection."""
        # A client that is gone is no fault of the sandbox.
        with suppress(OSError, Dropped):
            while self._handle_one():
                pass

    def _handle_one(self) -> bool:
        state = self.server.state
        if self._was_idle_for_long():
            return False
        try:
            request = read_request(self.rfile)
        except ValueError as error:
            self._write(refusal_response(bad_request(str(error))), close=True)
            return False
        if request is None or state.stopping.is_set():
            return False
        response = respond(state, request)
        if response is None:
            return False
        stays = request.keep_alive and not response.cut
        self._write(response, close=not stays)
        return stays

    def _was_idle_for_long(self) -> bool:
        """Wait for the next request, and say whether the connection would have been closed by then."""
        assert isinstance(self.rfile, io.BufferedReader)  # noqa: S101 - as the library makes it
        self.rfile.peek(1)
        most = self.server.state.mischief.faults.idle_close_seconds
        return 0 < most < time.monotonic() - self._idle_since

    def _write(self, response: Response, *, close: bool) -> None:
        state = self.server.state
        write_response(
            self.connection.sendall, response, close=close, wait=state.wait, date=state.mischief.date()
        )
        self._idle_since = time.monotonic()
