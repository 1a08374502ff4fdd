"""Read the head of one request from a browser, within bounds of bytes and of time.

By hand, since http.server tells its version, waits for each read again, and answers what it does not
like without our headers.
"""

import re
import socket
import time
from dataclasses import dataclass, field
from http import HTTPStatus

MOST_BYTES = 16_384  # a code of 2,048 signs fits many times
LONGEST_LINE = 8_192
READ_BYTES = 4_096
REQUEST_SECONDS = 10.0

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) ([!-~]+) HTTP/([0-9])\.[0-9]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_END = re.compile(rb"\n\r?\n")


class UnreadableError(Exception):
    """The request is answered with ``status``, whatever it asks for."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class BrowserRequest:
    """What is asked for; ``hosts`` are all Host headers, of which there must be one."""

    method: str
    path: str
    query: str = field(repr=False)
    hosts: tuple[str, ...]


def read_request(connection: socket.socket) -> BrowserRequest | None:
    """Return the request, None if the browser is gone, or has said nothing.

    Raises:
        UnreadableError: it is no request, or takes too many bytes or too long.
    """
    ends_at = time.monotonic() + REQUEST_SECONDS
    received = b""
    while more := _more(connection, ends_at, begun=bool(received)):
        searched = max(0, len(received) - len(b"\n\r\n"))
        received += more
        _check_begin(received)
        if end := _END.search(received, searched):
            return _parsed(received[: end.start()])
    return None


def _more(connection: socket.socket, ends_at: float, *, begun: bool) -> bytes:
    """Return what comes next, nothing where nothing will."""
    try:
        connection.settimeout(max(0.001, ends_at - time.monotonic()))
        return connection.recv(READ_BYTES)
    except TimeoutError:
        if begun:
            raise UnreadableError(HTTPStatus.REQUEST_TIMEOUT) from None
    except OSError:
        pass
    return b""


def _check_begin(received: bytes) -> None:
    """Refuse as early as it can be told: who speaks TLS to us waits for an answer to his first bytes."""
    line, found, _ = received.partition(b"\n")
    if not line[:1].isalpha():
        raise UnreadableError(HTTPStatus.BAD_REQUEST)
    if len(line) > LONGEST_LINE:
        raise UnreadableError(HTTPStatus.REQUEST_URI_TOO_LONG)
    if found:
        _request_line(line)
    if len(received) > MOST_BYTES:
        raise UnreadableError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


def _request_line(line: bytes) -> tuple[str, str]:
    match = _REQUEST_LINE.fullmatch(line.decode("latin-1").removesuffix("\r"))
    if match is None:
        raise UnreadableError(HTTPStatus.BAD_REQUEST)
    if match[3] != "1":
        raise UnreadableError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    return match[1], match[2]


def _parsed(head: bytes) -> BrowserRequest:
    line, *rest = head.split(b"\n")
    method, target = _request_line(line)
    path, _, query = target.partition("?")
    return BrowserRequest(method, path, query, tuple(_hosts(rest)))


def _hosts(lines: list[bytes]) -> list[str]:
    matches = [_HEADER.fullmatch(line.decode("latin-1").removesuffix("\r")) for line in lines]
    if None in matches:
        raise UnreadableError(HTTPStatus.BAD_REQUEST)
    return [match[2].lower() for match in matches if match is not None and match[1].lower() == "host"]
