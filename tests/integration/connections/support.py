"""What the tests of connections need: a clock to turn, and a token endpoint to break."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from worker.connections import store
from worker.connections.authorise import AuthorisationRequest
from worker.connections.grants import finish
from worker.connections.model import Connection
from worker.connections.rows import CONNECTIONS, change
from worker.connections.tokens import Tokens
from worker.connections.vault import Vault, new_key
from worker.database import Database, utc_now
from worker.envoy.http import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth

ROOT = Path(__file__).parents[3]
START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.now += timedelta(seconds=seconds)


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
        """Say whether a refresh token would still be honoured."""
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


class RealClock(Clock):
    """The host's own clock; it cannot be turned."""

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return utc_now()


@dataclass
class House:
    """One database, one endpoint, one clock, and the parts of a process upon them."""

    url: str
    database: Database
    clock: Clock
    key: str
    vault: Vault
    endpoint: TokenEndpoint
    oauth: OAuth
    waits: list[float] = field(default_factory=list)

    def tokens(self, owner: str = "host/1/2", *, stop: threading.Event | None = None) -> Tokens:
        """Return what another process would have: nothing is shared but the database."""
        return Tokens(
            self.database,
            self.vault,
            self.oauth,
            owner=owner,
            clock=self.clock,
            stop=stop,
            wait=self._wait,
        )

    def connect(self, name: str = "acme", company: str = "10000") -> int:
        """Store a grant as after a consent at the present time, and return the connection's id."""
        row = finish(
            self.database, self.vault, self.oauth, name, REQUEST, f"code-{company}", clock=self.clock
        )
        assert row.id is not None
        return row.id

    def row(self, name: str = "acme") -> Connection:
        """Return a connection as it is stored."""
        return store.require(self.database, name)

    def stored_refresh_token(self, name: str = "acme") -> str:
        """Return the refresh token that is stored, in clear."""
        row = self.row(name)
        assert row.id is not None
        assert row.refresh_token_enc is not None
        return self.vault.open(row.refresh_token_enc, connection_id=row.id, field="refresh")

    def change(self, name: str = "acme", **values: object) -> None:
        """Write columns of a connection, as another process might."""
        with self.database.write() as connection:
            assert change(connection, CONNECTIONS.c.name == name, **values)

    def delete(self, name: str = "acme") -> None:
        """Delete a connection's row."""
        with self.database.write() as connection:
            connection.execute(sa.delete(CONNECTIONS).where(CONNECTIONS.c.name == name))

    def once(self, *acts: Callable[[], object]) -> None:
        """Do something while the next request is in flight."""

        def during() -> None:
            self.endpoint.during = None
            for act in acts:
                act()

        self.endpoint.during = during

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


REQUEST = AuthorisationRequest(
    url="", state="s", verifier=None, redirect_uri="http://127.0.0.1:1/cb", scopes=("invites.write",)
)


def oauth_for(http: HttpClient, endpoint: TokenEndpoint) -> OAuth:
    """Return the client of an endpoint."""
    return OAuth(
        http,
        ClientCredentials("client", "client-secret-canary"),
        authorize_url=endpoint.url,
        token_url=endpoint.url,
        deadline_seconds=5,
    )


def build(url: str, database: Database, clock: Clock, endpoint: TokenEndpoint, http: HttpClient) -> House:
    """Put a house together, with a key of its own."""
    key = new_key()
    return House(url, database, clock, key, Vault(key), endpoint, oauth_for(http, endpoint))


def start_child(house: House, number: int, mode: str, *, token_url: str = "") -> subprocess.Popen[bytes]:
    """Start a process that refreshes one connection, as soon as it reads a line."""
    environment = os.environ | {
        "CHILD_DATABASE": house.url,
        "CHILD_KEY": house.key,
        "CHILD_TOKEN_URL": token_url or house.endpoint.url,
        "CHILD_CONNECTION": str(number),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.connections.refreshing_process", mode],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
