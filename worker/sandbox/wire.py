"""HTTP/1.1 as far as the sandbox needs it: read one request, write one answer.

Written by hand, since http.server parses headers as e-mail and resolves names,
which costs more than everything that the sandbox does with a request.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from io import BufferedIOBase
from urllib.parse import parse_qsl, urlsplit

from worker.sandbox.refusals import Refused, bad_request

WORDS_OF_A_REQUEST_LINE = 3
LONGEST_LINE = 65536
LONGEST_BODY = 10_000_000
DRIPS = 20
FORM = "application/x-www-form-urlencoded"
# On every answer: none is kept, framed, run, guessed at, or told onwards (its address may hold a code).
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read to its end; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    keep_alive: bool = True

    def json(self) -> object:
        """Return the parsed body; Refused with 415 or 400 if it is not JSON."""
        if "json" not in self.headers.get("content-type", ""):
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        try:
            parsed: object = json.loads(self.body)
        except (ValueError, RecursionError):
            raise bad_request("the body is not JSON") from None
        return parsed

    def form(self) -> dict[str, str]:
        """Return the fields of an HTML form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, and how badly it is delivered."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cut: bool = False
    drip_seconds: float = 0.0


def json_response(content: object, status: int = HTTPStatus.OK) -> Response:
    """Return *content* as a JSON answer."""
    # Half a surrogate pair becomes \\ud800, as JSON writes it.
    return Response(status, json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def refusal_response(refused: Refused) -> Response:
    """Return the answer that a refusal stands for."""
    body = json.dumps(refused.body).encode()
    return Response(refused.status, body, headers=refused.headers)


def read_request(stream: BufferedIOBase) -> Request | None:
    """Return the next request, or None when the client is gone; ValueError if it is not HTTP."""
    line = stream.readline(LONGEST_LINE)
    if not line.strip():
        return None
    words = line.split()
    if len(words) != WORDS_OF_A_REQUEST_LINE:
        raise ValueError("this is no HTTP request")
    method, target, version = (word.decode("latin-1") for word in words)
    headers = _headers(stream)
    body = _body(stream, headers)
    if body is None:
        return None
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True)) if url.query else {}
    # An answer to HEAD has a body here; after it the connection is of no more use.
    stays = version == "HTTP/1.1" and method != "HEAD" and headers.get("connection", "").lower() != "close"
    return Request(method, url.path, query, headers, body, stays)


def _headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := stream.readline(LONGEST_LINE)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body(stream: BufferedIOBase, headers: Mapping[str, str]) -> bytes | None:
    # No client of Envoy's API needs chunks, and half an implementation would misread them.
    if "transfer-encoding" in headers:
        raise ValueError("a body needs a Content-Length")
    length = int(headers.get("content-length") or 0)
    if not 0 <= length <= LONGEST_BODY:
        raise ValueError("the body is too long")
    body = stream.read(length) if length else b""
    return body if len(body) == length else None


def write_response(
    send: Callable[[bytes], object],
    response: Response,
    *,
    close: bool,
    wait: Callable[[float], object],
    date: str | None = "",
) -> None:
    """Send an answer in one write, or as slowly and as incompletely as it asks for.

    *date*: "" is now, None sends none.
    """
    head = _head(response, close=close or response.cut, date=date)
    body = response.body[: len(response.body) // 2] if response.cut else response.body
    if not response.drip_seconds:
        send(head + body)
        return
    send(head)
    step = max(1, -(-len(body) // DRIPS))
    for start in range(0, len(body), step):
        wait(response.drip_seconds / DRIPS)
        send(body[start : start + step])


def _head(response: Response, *, close: bool, date: str | None) -> bytes:
    date = formatdate(usegmt=True) if date == "" else date
    lines = [
        f"HTTP/1.1 {response.status:d} {HTTPStatus(response.status).phrase}",
        *([] if date is None else [f"Date: {date}"]),
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        f"Connection: {'close' if close else 'keep-alive'}",
        *(f"{name}: {value}" for name, value in {**HEADERS, **response.headers}.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
