"""The sandbox as one object: start it, look into it, change what it knows."""

import threading
from types import TracebackType
from typing import Self

from worker.sandbox import seed
from worker.sandbox.api import Handler
from worker.sandbox.app import SCOPES, App
from worker.sandbox.codes import Consent
from worker.sandbox.faults import Faults
from worker.sandbox.server import HOST, Server
from worker.sandbox.state import State
from worker.sandbox.values import Record

COMPANY = "10000"
STOP_POLL_SECONDS = 0.02


class Sandbox:
    """A stand-in of Envoy's API on loopback, which keeps its state when it is stopped and started again."""

    def __init__(
        self,
        port: int = 0,
        *,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107 - a made-up default
        access_token_seconds: float = 86400,
        refresh_token_seconds: float = 2592000,
        refresh_grace_seconds: float = 0,
        scopes: tuple[str, ...] = SCOPES,
        faults: Faults | None = None,
        companies: int = 1,
    ) -> None:
        lifetimes = (access_token_seconds, refresh_token_seconds, refresh_grace_seconds)
        self._state = State(App(client_id, client_secret, tuple(scopes), *lifetimes), companies)
        self._state.mischief.set(faults or Faults())
        self._port = port
        self._server: Server | None = None

    def start(self) -> Self:
        """Listen and serve in background threads; OSError if the port is taken."""
        self._server = Server(self._port, self._state)
        self._port = self._server.port
        self._state.stopping.clear()
        threading.Thread(
            target=self._server.serve_forever, args=(STOP_POLL_SECONDS,), name="sandbox", daemon=True
        ).start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; answers under way are lost."""
        if self._server is not None:
            self._state.stopping.set()
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the page, the same after a restart; its port is 0 before the first start."""
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        """The base address of the API; a client appends ``/v1/...``."""
        return self.url

    @property
    def authorize_url(self) -> str:
        """The address of the consent page."""
        return f"{self.url}/a/auth/v0/authorize"

    @property
    def token_url(self) -> str:
        """The address of the token endpoint."""
        return f"{self.url}/a/auth/v0/token"

    @property
    def faults(self) -> Faults:
        """The faults that are on."""
        return self._state.mischief.faults

    def set_faults(self, faults: Faults) -> None:
        """Switch to these faults; the draws begin again."""
        with self._state.lock:
            self._state.mischief.set(faults)

    def ledger(self) -> Record:
        """Return what the sandbox has seen, as ``GET /sandbox/ledger`` answers it."""
        with self._state.lock:
            return self._state.ledger.as_json(self._state.grants.tally)

    def invites(self) -> list[Record]:
        """Return the invites now held, oldest first, as the API shows them."""
        with self._state.lock:
            return [dict(held.data) for held in self._state.invites.all()]

    def grant(self, company_id: str = COMPANY, scopes: tuple[str, ...] | None = None) -> Record:
        """Return a token answer as if a customer had just consented."""
        with self._state.lock:
            granted = self._state.app.scopes if scopes is None else tuple(scopes)
            return self._state.grants.open(Consent(company_id, granted))

    def revoke(self, company_id: str = COMPANY) -> None:
        """Let a customer remove the application: none of its tokens works any more."""
        with self._state.lock:
            self._state.grants.revoke(company_id)

    def expire_access_tokens(self) -> None:
        """Let every access token end now; refresh tokens stay."""
        with self._state.lock:
            self._state.grants.expire_access_tokens()

    def secrets_given(self) -> list[str]:
        """Return every code and token ever given: what must stand in nobody's log."""
        with self._state.lock:
            return self._state.grants.issued()

    def add_location(
        self, name: str, *, timezone: str = "Europe/London", enabled: bool = True, company_id: str = COMPANY
    ) -> Record:
        """Add a location and return it as the API shows it."""
        content = seed.location(company_id, name, timezone, enabled=enabled)
        return self._add(company_id, "locations", content)

    def add_flow(
        self,
        name: str,
        *,
        location_id: str | None = None,
        enabled: bool = True,
        needs_approval: bool = False,
        kind: str = "VISITOR",
        company_id: str = COMPANY,
    ) -> Record:
        """Add a flow, a global one without location, and return it; its invites may need approval."""
        with self._state.lock:
            record = self._add(company_id, "flows", seed.flow(name, location_id, enabled=enabled, kind=kind))
            if needs_approval:
                self._state.directory.companies[company_id].approval_flows.add(record["id"])
            return record

    def add_employee(
        self, name: str, email: str, *, location_ids: list[str] | None, company_id: str = COMPANY
    ) -> Record:
        """Add an employee who works at these locations and return the record; None: it is not shown where."""
        return self._add(company_id, "employees", seed.employee(name, email, location_ids))

    def disable_location(self, location_id: str) -> None:
        """Deactivate a location: invites to it are refused from now on."""
        with self._state.lock:
            self._state.directory.disable_location(location_id)

    def delete_invite(self, invite_id: str) -> None:
        """Let somebody delete an invite in Envoy by hand; the ledger keeps what clients did only."""
        with self._state.lock:
            held = next(held for held in self._state.invites.all() if held.data["id"] == invite_id)
            self._state.invites.remove(held.company_id, invite_id)

    def answer(self, route: tuple[str, str], handler: Handler) -> None:
        """Let *handler* answer a route, as ``("GET", "/v1/invites/{id}")``; token and faults come first."""
        with self._state.lock:
            self._state.handlers[route] = handler

    def _add(self, company_id: str, kind: str, content: Record) -> Record:
        with self._state.lock:
            return self._state.directory.add(company_id, kind, content)
