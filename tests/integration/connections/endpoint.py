"""A token endpoint that rotates refresh tokens, and can be broken."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """An answer out of the ordinary; ``status`` 0 hangs up.  ``rotates``: the token is spent all the same."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    rotates: bool = False


def refusal(word: object, status: int = 401) -> Reply:
    """Return a refusal as of RFC 6749 section 5.2."""
    return Reply(status, json.dumps({"error": word}).encode())


LOST = Reply(0, rotates=True)


class TokenEndpoint:
    """A token endpoint on a socket: rotates refresh tokens, each good for one use.

    ``replies`` are given first; ``extra`` replaces fields of good answers; ``during`` runs while a
    request is in flight.  With ``grace`` a spent token gets a new pair once more.
    """

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.replies: deque[Reply] = deque()
        self.always: Reply | None = None
        self.extra: dict[str, Any] = {}
        self.during: Callable[[], None] | None = None
        self.grace = False
        self.reused = 0
        self._living: dict[str, str] = {}
        self._spent: dict[str, str] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    @property
    def posted(self) -> list[str]:
        """The refresh tokens that came in, in their order."""
        return [post["refresh_token"] for post in self.posts if "refresh_token" in post]

    def close(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def is_alive(self, refresh_token: str) -> bool:
        """Return whether a refresh token would still be honoured."""
        return refresh_token in self._living

    def answer(self, post: dict[str, Any]) -> Reply:
        """Return the answer to one request."""
        with self._lock:
            self.posts.append(post)
            reply = self.replies.popleft() if self.replies else self.always
        if self.during is not None:
            self.during()
        with self._lock:
            if reply is None or reply.rotates:
                usual = self._usual(post)
                return usual if reply is None or usual.status != 200 else reply
        return reply

    def _usual(self, post: dict[str, Any]) -> Reply:
        if post["grant_type"] == "authorization_code":
            return self._issue(str(post["code"]).removeprefix("code-"))
        token = post["refresh_token"]
        if token in self._living:
            self._spent[token] = self._living.pop(token)
            return self._issue(self._spent[token])
        self.reused += token in self._spent
        if self.grace and token in self._spent:
            return self._issue(self._spent[token])
        return refusal("invalid_grant")

    def _issue(self, company: str) -> Reply:
        self._number += 1
        refresh = f"refresh-{company}-{self._number:06}"
        self._living[refresh] = company
        answer = {
            "token_type": "Bearer",
            "access_token": f"access-{company}-{self._number:06}",
            "expires_in": 3600,
            "refresh_token": refresh,
            "refresh_token_expires_in": 2_592_000,
            "state": None,
            "company_id": company,
        }
        body = {key: value for key, value in (answer | self.extra).items() if value is not ...}
        return Reply(200, json.dumps(body).encode())


def _handler(endpoint: TokenEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer as the endpoint says."""
            post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = endpoint.answer(post)
            if reply.status == 0:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
