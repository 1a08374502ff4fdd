"""Open a connection: the first address of a name that answers, within the deadline."""

import socket
import ssl
from collections.abc import Callable, Iterable
from typing import TypeAlias

from worker.envoy.http.deadlines import Deadline
from worker.envoy.http.outgoing import Place

CONNECT_SECONDS = 5.0

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]
Dial: TypeAlias = Callable[[tuple[str, int], float], socket.socket]


def open_socket(place: Place, context: ssl.SSLContext, deadline: Deadline) -> socket.socket:
    """Return a socket that is connected to *place*, with TLS where that is asked for.

    Raises:
        OSError: no address takes the connection, or it is not to be trusted.
    """
    connected = connect(place.host, place.port, deadline)
    if not place.is_tls:
        return connected
    try:
        connected.settimeout(min(CONNECT_SECONDS, deadline.remaining()))
        return context.wrap_socket(connected, server_hostname=place.host)
    except BaseException:
        connected.close()
        raise


def connect(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    resolve: Resolve | None = None,
    dial: Dial = socket.create_connection,
) -> socket.socket:
    """Connect to the first address of *host* that answers, bounding each try by itself."""
    failure: OSError = OSError("the name has no address")
    # Left to the standard library, a name with six dead addresses waits six timeouts long.
    for address in (resolve or addresses_of)(host, port):
        seconds = min(CONNECT_SECONDS, deadline.remaining())
        try:
            connected = dial((address, port), seconds)
        except OSError as error:
            failure = error
        else:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
    raise failure


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses that the system knows for a name."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
