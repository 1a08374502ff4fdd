"""What the tests of connections need: a clock to turn, and all parts of a process in one place."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests import worker_rows
from tests.integration.connections.endpoint import TokenEndpoint
from worker.clock import boot_clock
from worker.connections import store
from worker.connections.consent.grant import finish
from worker.connections.consent.redirect import AuthorisationRequest
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change
from worker.connections.tokens.access import Tokens
from worker.connections.tokens.refresh.saving import Pauses
from worker.connections.vault import Vault, new_key
from worker.database import Database, utc_now
from worker.envoy.http.late import Http
from worker.envoy.oauth import ClientCredentials, OAuth
from worker.envoy.resources import Location
from worker.errors import EnvoyError

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


class RealClock(Clock):
    """The host's own clock; it cannot be turned."""

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return utc_now()


@dataclass
class WorkerWithTokenEndpoint:
    """One database, one endpoint, one clock, and the parts of a process upon them."""

    url: str
    database: Database
    clock: Clock
    key: str
    vault: Vault
    endpoint: TokenEndpoint
    oauth: OAuth
    waits: list[float] = field(default_factory=list)
    locations: list[Location] | EnvoyError = field(default_factory=list)  # what Envoy shows, or its error
    during_look: Callable[[], object] = field(default=lambda: None)  # done while Envoy is asked for them

    def tokens(
        self,
        owner: str = "host/1/2",
        *,
        stop: threading.Event | None = None,
        pauses: Pauses | None = None,
        patience_seconds: float = 20,
        lease_clock: Callable[[], float] = boot_clock,
    ) -> Tokens:
        """Return what another process would have: nothing is shared but the database."""
        return Tokens(
            self.database,
            self.vault,
            self.oauth,
            owner=owner,
            clock=self.clock,
            stop=stop,
            wait=self._wait,
            pauses=pauses,
            patience_seconds=patience_seconds,
            lease_clock=lease_clock,
        )

    def connect(self, name: str = "acme", company: str = "10000") -> int:
        """Store a grant as after a consent at the present time, and return the connection's id."""
        code = f"code-{company}"
        row = finish(
            self.database, self.vault, self.oauth, name, REQUEST, code, look=self.look, clock=self.clock
        )
        assert row.id is not None
        return row.id

    def look(self, token: str) -> list[Location]:
        """Show the locations to whom a token opens them."""
        assert token.startswith("access-")
        self.during_look()
        if isinstance(self.locations, EnvoyError):
            raise self.locations
        return self.locations

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
        worker_rows.delete_connection(worker_rows.At(self.database), name)

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


def no_locations(token: str) -> list[Location]:
    """Show a token's bearer no location."""
    assert token
    return []


def oauth_for(http: Http, endpoint: TokenEndpoint) -> OAuth:
    """Return the client of an endpoint."""
    return OAuth(
        http,
        ClientCredentials("client", "client-secret-canary"),
        authorize_url=endpoint.url,
        token_url=endpoint.url,
        deadline_seconds=5,
    )


def build(
    url: str, database: Database, clock: Clock, endpoint: TokenEndpoint, http: Http
) -> WorkerWithTokenEndpoint:
    """Put a worker together, with a key of its own."""
    key = new_key()
    return WorkerWithTokenEndpoint(url, database, clock, key, Vault(key), endpoint, oauth_for(http, endpoint))


def start_child(
    worker: WorkerWithTokenEndpoint, number: int, mode: str, *, token_url: str = ""
) -> subprocess.Popen[bytes]:
    """Start a process that refreshes one connection, as soon as it reads a line."""
    environment = os.environ | {
        "CHILD_DATABASE": worker.url,
        "CHILD_KEY": worker.key,
        "CHILD_TOKEN_URL": token_url or worker.endpoint.url,
        "CHILD_CONNECTION": str(number),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.connections.refreshing_process", mode],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
