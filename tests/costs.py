"""What it costs to be a worker: the peak memory of commands, and peers and callers that make it high."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.installation import PATIENCE_SECONDS, ROOT, Installation

MOST_MIB = 150
# Its own memory is small, and so does not count for the command's.
MEASURED = (
    "import resource, subprocess, sys\n"
    "code = subprocess.call(sys.argv[1:])\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
    "sys.exit(code)\n"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """How a command ended, what it said, and how much memory it had at most."""

    code: int
    out: str
    err: str
    mib: float


def measured(
    installation: Installation, *arguments: str, seconds: float = PATIENCE_SECONDS, **env: str
) -> Cost:
    """Run a command to its end."""
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", MEASURED, sys.executable, "-m", "worker", *arguments],
        env={**installation.env, **env},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    *err, peak = process.stderr.splitlines()
    return Cost(process.returncode, process.stdout, "\n".join(err), int(peak) / 1024)


def wide(page: int, kind: str, size: int) -> bytes:
    """Return a page of 100 items, almost all of which is of no use to anybody."""
    item = b'{"id": "%s-%d-%%d", "name": "%%d", "x": "%s"}' % (kind.encode(), page, b"x" * (size // 100))
    return b'{"data": [%s]}' % b", ".join(item % (n, n) for n in range(100))


def branching(_page: int, _kind: str, size: int) -> bytes:
    """Return an answer of nothing but tiny parts, each of which takes a multiple of itself as a value."""
    return b'{"data": [%s{}]}' % (b"{}," * (size // 3 - 10))


class Expensive:
    """A peer that answers every list with page after page of almost 2 MB."""

    SIZE = 1_900_000

    def __init__(self, make: Callable[[int, str, int], bytes]) -> None:
        """Listen on loopback."""
        self.requests = 0
        place = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Answer with the page that is asked for."""
                place.requests += 1
                asked = urlsplit(self.path)
                number = int(parse_qs(asked.query).get("page", ["1"])[0])
                body = make(number, asked.path.rpartition("/")[2], place.SIZE)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def expensive(make: Callable[[int, str, int], bytes]) -> Iterator[Expensive]:
    """Give such a peer for the length of the block."""
    peer = Expensive(make)
    try:
        yield peer
    finally:
        peer.close()
