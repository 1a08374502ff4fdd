"""Proof, before anything is sent, that the HTTP library can keep a deadline.

That rests on its doing everything by the stream that it is given, and on its writing a request there
whole before it reads.  Should a release of it cease to do either, requests would go out without a
deadline and without the last look at their lease, and nobody would notice.
"""

import socket
from collections.abc import Callable
from typing import TypeAlias

from worker.envoy.http.deadlines import Deadline
from worker.envoy.http.exchange import Exchange
from worker.envoy.http.outgoing import Outgoing
from worker.envoy.http.transport import FAILURES, KeptConnection, Open
from worker.envoy.http.wire import Wire
from worker.errors import SettingsError

Make: TypeAlias = Callable[[Open], KeptConnection]

SECONDS = 5.0  # over a wire in memory, nothing is waited for
NOWHERE = "https://127.0.0.1:9/"  # reached by a library only that connects by itself
REQUEST = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1:9\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
AS_EXPECTED = (b"", REQUEST, b"[]", "last question", "first byte")


def require_deadlines(make: Make) -> None:
    """Return if a connection of *make*, over a wire in memory, does everything by our stream.

    Raises:
        SettingsError: the library that is installed does not.
    """
    ours, peer = socket.socketpair()
    with ours, peer:
        peer.setblocking(False)
        try:
            seen = _seen(make(lambda _place, exchange: Wire(ours, exchange)), peer)
        except (*FAILURES, OSError, TypeError, AttributeError):  # the last two: what we build on is not there
            seen = None
    if seen != [AS_EXPECTED, AS_EXPECTED]:
        raise SettingsError(
            "the HTTP library that is installed keeps no deadline",
            hint="install the releases that requirements.txt names",
        )


def _seen(connection: KeptConnection, peer: socket.socket) -> list[tuple[object, ...]]:
    """Return what two requests over one connection come to, and what their peer had before and after."""
    return [_one(connection, peer) for _ in range(2)]


def _one(connection: KeptConnection, peer: socket.socket) -> tuple[object, ...]:
    before: list[bytes] = []

    def last_question() -> None:
        before.append(_arrived(peer))
        peer.sendall(ANSWER)

    exchange = Exchange(Deadline(SECONDS), last_question)
    place, request = Outgoing({}).request("POST", NOWHERE, {}, {})
    answer = connection.begin(place, request, exchange)
    body = b"".join(answer.chunks())
    answer.close()
    asked = "last question" if len(before) == 1 else f"asked {len(before)} times"
    return b"".join(before), _arrived(peer), body, asked, "first byte" if exchange.sent else "nothing"


def _arrived(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65_536)
    except BlockingIOError:
        return b""
