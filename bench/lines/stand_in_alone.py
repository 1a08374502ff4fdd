"""The stand-in itself: what it serves when nothing else is asked of this host."""

import asyncio
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench import answers
from bench.bare import COMPANY, body_of
from bench.databases import Databases
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target

CONNECTIONS = 64
TARGET = Target(10_000)


def stand_in_alone(size: Size, _databases: Databases) -> Iterator[Line]:
    """Ask it as fast as bare protocols can."""
    number = int(size.seconds * TARGET.value)
    with stand_in() as place:
        before = place.ledger().cpu_seconds
        seconds = asyncio.run(_asked(place.url, number))
        ledger = place.ledger()
        speed, own = number / seconds, number / (ledger.cpu_seconds - before)
    if len(ledger.creates) != number:
        raise SystemExit("the stand-in's ledger lacks creates")
    yield Line(
        "the stand-in alone, creates a second",
        f"{speed:,.0f} ({own:,.0f} a second of its CPU)",
        value=own,
        target=TARGET,
    )


class _Asking(asyncio.Protocol):
    """Sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes, number: int, done: asyncio.Future[None]) -> None:
        self._request = request
        self._left = number
        self._done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first one."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, _data: bytes) -> None:
        """Take it for an answer: each is short enough to come at once."""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        elif not self._done.done():
            self._done.set_result(None)


async def _asked(url: str, number: int) -> float:
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(url).netloc.partition(":")
    began = time.monotonic()
    waiting = []
    for place in range(CONNECTIONS):
        done: asyncio.Future[None] = loop.create_future()
        share = number // CONNECTIONS + (place < number % CONNECTIONS)
        if not share:
            continue
        body = json.dumps(body_of(place), separators=(",", ":")).encode()
        token = answers.tokens(COMPANY, 0)["access_token"]
        head = (
            f"POST /v1/invites HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"X-Request-Id: alone\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request = head.encode() + body
        await loop.create_connection(
            lambda request=request, share=share, done=done: _Asking(request, share, done),  # type: ignore[misc]
            host,
            int(port),
        )
        waiting.append(done)
    await asyncio.gather(*waiting)
    return time.monotonic() - began
