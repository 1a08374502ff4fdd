"""The stand-in's process: ``python -m bench.serving`` prints its port, and serves until it is ended.

A bare asyncio protocol that reads no more of a request than it needs, so that it is never the limit.  Its
ledger has every create; what it shall do is said to it under /bench.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field

from bench import answers

HOST = "127.0.0.1"
END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKEN = re.compile(rb"\r\nauthorization: Bearer access-(\d+)-", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id: *([^\r]+)", re.IGNORECASE)
_EMAIL = re.compile(rb'"email":"([^"]*)"')
_REFRESH = re.compile(rb"refresh_token=refresh-(\d+)-(\d+)")
_PAGE = re.compile(rb"[?&]page=(\d+)")
CREATE = b"POST /v1/invites "


@dataclass(slots=True)
class Orders:
    """What the stand-in was told to do; latencies in seconds."""

    latency: float = 0.0
    hang_tokens: bool = False
    throttled: list[str] = field(default_factory=list)  # companies
    slow: dict[str, float] = field(default_factory=dict)  # a company's own latency


@dataclass(slots=True)
class Site:
    """All that the connections share."""

    orders: Orders = field(default_factory=Orders)
    # Of each create: e-mail, request id, company, id, moment of its first byte.
    creates: list[tuple[str, str, str, str, float]] = field(default_factory=list)
    by_company: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    spent: set[tuple[bytes, bytes]] = field(default_factory=set)
    made: int = 0

    def count(self, what: str) -> None:
        """Count one of something."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def answer(self, head: bytes, body: bytes, moment: float) -> tuple[bytes | None, float]:
        """Return the answer, None for none at all, and after how many seconds it shall go out."""
        token = _TOKEN.search(head)
        if token is None:
            return self._without_token(head, body), 0
        company = token[1].decode()
        latency = self.orders.slow.get(company, self.orders.latency)
        if company in self.orders.throttled:
            self.count("throttled")
            return answers.throttled(), latency
        if head.startswith(CREATE):
            return self._created(head, body, company, moment), latency
        return self._other(head, body, company), latency

    def _created(self, head: bytes, body: bytes, company: str, moment: float) -> bytes:
        self.made += 1
        key = b"9%09d" % self.made
        email, request_id = _EMAIL.search(body), _REQUEST_ID.search(head)
        entry = (
            email[1].decode() if email else "",
            request_id[1].decode() if request_id else "",
            company,
            key.decode(),
            moment,
        )
        self.creates.append(entry)
        self.by_company[company] = self.by_company.get(company, 0) + 1
        return answers.written(key, body)

    def _other(self, head: bytes, body: bytes, company: str) -> bytes:
        method, target, _ = head.split(b" ", 2)
        if method == b"GET":
            self.count("lists")
            page = _PAGE.search(target)
            items = answers.flows if target.startswith(b"/v1/flows") else answers.locations
            return answers.listed(items(company), int(page[1]) if page else 1)
        key = target.rpartition(b"/")[2]
        if method == b"POST":
            self.count("updates")
            return answers.written(key, body)
        self.count("removes")
        return answers.answer(b'{"data":{"id":"%b"}}' % key)

    def _without_token(self, head: bytes, body: bytes) -> bytes | None:
        if head.startswith(b"POST /token "):
            return self._tokens(body)
        if head.startswith(b"POST /bench/orders "):
            self.orders = Orders(**json.loads(body))
        elif head.startswith(b"POST /bench/forget "):
            self.creates, self.by_company, self.counts = [], {}, {}
        elif head.startswith(b"GET /bench/ledger "):
            told = {"creates": self.creates, "counts": self.counts, "cpu_seconds": time.process_time()}
            return answers.answer(json.dumps(told))
        elif head.startswith(b"GET /bench/companies "):
            return answers.answer(json.dumps(self.by_company))
        else:
            return answers.answer(b'{"errors":["no such page"]}', status=b"404 Not Found")
        return answers.answer(b"{}")

    def _tokens(self, body: bytes) -> bytes | None:
        self.count("refreshes")
        if self.orders.hang_tokens:
            return None
        found = _REFRESH.search(body)
        if found is None or (found[1], found[2]) in self.spent:
            self.count("refreshes refused")
            return answers.answer(b'{"error":"invalid_grant"}', status=b"400 Bad Request")
        self.spent.add((found[1], found[2]))
        return answers.answer(json.dumps(answers.tokens(found[1].decode(), int(found[2]) + 1)))


class Exchange(asyncio.Protocol):
    """One kept connection, one request after the other."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = b""
        self._moment: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        moment = self._moment = self._moment or time.monotonic()
        self._buffer += data
        while (end := self._buffer.find(END)) >= 0:
            start, head = end + len(END), self._buffer[:end]
            length = _LENGTH.search(head)
            stop = start + (int(length[1]) if length else 0)
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[start:stop], self._buffer[stop:]
            self._answer(head, body, moment)
            moment = time.monotonic()
            self._moment = moment if self._buffer else None

    def _answer(self, head: bytes, body: bytes, moment: float) -> None:
        content, seconds = self._site.answer(head, body, moment)
        if content is None:
            return
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._transport.write, content)
        else:
            self._transport.write(content)


async def serve() -> None:
    """Say where it is, and serve for ever."""
    site = Site()
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(site), HOST, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
