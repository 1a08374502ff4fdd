"""A worker's parts on one database, and the verbs that the delivery tests speak in."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.request import HTTPRedirectHandler, build_opener

import sqlalchemy as sa

from jobs import push_invites, reconcile_invites, refresh_directory
from tests import worker_rows
from worker.connections.consent import grant, redirect
from worker.connections.vault import new_key
from worker.context import Context
from worker.database import Database
from worker.invites import restored
from worker.report import Report
from worker.runs import RunContext
from worker.sandbox import Sandbox
from worker.settings import Secrets
from worker.settings.loading import build


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _Timed(Context):
    """The parts of a process whose database goes by another clock than its own."""

    clock: Callable[[], datetime]

    @cached_property
    def any_database(self) -> Database:
        return Database(self.secrets.get("DATABASE_URL"), clock=self.clock)


class WorkerWithSandbox:
    """A worker, its database and its sandbox, with the verbs that the tests speak in."""

    def __init__(
        self,
        database_url: str,
        sandbox: Sandbox,
        clock: Callable[[], datetime] | None = None,
        /,
        **settings: str,
    ) -> None:
        """Make the parts; nothing is connected yet.  *clock* replaces the database's own."""
        self.sandbox = sandbox
        self.was_restored = False
        env: dict[str, str] = {
            "DATABASE_URL": database_url,
            "ENVOY_CLIENT_ID": "sandbox-client",
            "ENVOY_CLIENT_SECRET": "sandbox-secret",
            "WORKER_ENCRYPTION_KEYS": new_key(),
            "WORKER_ENVOY__API_URL": sandbox.api_url,
            "WORKER_ENVOY__AUTHORIZE_URL": sandbox.authorize_url,
            "WORKER_ENVOY__TOKEN_URL": sandbox.token_url,
            "WORKER_PUSH__RATE_PER_SECOND": "0",
            "WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": "3",
            **settings,
        }
        self.context: Context = Context(build({}, env), Secrets(env), env)
        if clock is not None:
            self.context = _Timed(self.context.settings, self.context.secrets, env)
            self.context.clock = clock

    def connect(self, name: str = "acme", *, company_id: str = "") -> None:
        """Authorise a connection through the sandbox's real consent, and read its directory."""
        context = self.context
        request = redirect.begin(context.oauth, context.settings.envoy)
        opener = build_opener(_NoRedirect)
        try:
            opener.open(f"{request.url}&auto=allow" + (f"&company_id={company_id}" if company_id else ""))
        except OSError as sent_back:
            location = sent_back.headers["Location"]  # type: ignore[attr-defined]
        code = redirect.code_from(request, location)
        grant.finish(
            context.database,
            context.vault,
            context.oauth,
            name,
            request,
            code,
            look=context.api.first_locations,
        )
        refresh_directory.run(self.run_context())

    def run_context(self, **scope: Any) -> RunContext:
        """Return what a job is handed."""
        return RunContext(self.context, "run-1", "manual", **scope)

    def push(self, **scope: Any) -> Report:
        """Push until nothing is due."""
        return push_invites.run(self.run_context(**scope))

    def reconcile(self, **scope: Any) -> Report:
        """Look up what is due for it."""
        return reconcile_invites.run(self.run_context(**scope))

    def begin_restored(self) -> restored.Begun:
        """Say that the database comes from a backup."""
        self.was_restored = True
        return restored.begin(
            self.context.database, first_look=self.context.settings.reconcile.look_up_after[0]
        )

    def make_looks_due(self) -> None:
        """Let the time of every next look have come."""
        worker_rows.make_looks_due(self)

    def look_to_the_end(self) -> Counter[str]:
        """Look again and again, each time when it is due, and return all counts."""
        counts: Counter[str] = Counter()
        for _ in self.context.settings.reconcile.look_up_after:
            self.make_looks_due()
            counts += self.reconcile().counts
        return counts

    def add(self, external_id: str = "v-1", **columns: Any) -> None:
        """Insert an invite as a caller would, in plain SQL."""
        row = {
            "connection": "acme",
            "external_id": external_id,
            "invitee_name": f"Visitor {external_id}",
            "location": "Berlin",
            "expected_arrival_at": (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds"),
            **columns,
        }
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self.execute(f"INSERT INTO invite ({names}) VALUES ({values})", **row)  # noqa: S608

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement in a transaction of its own."""
        with self.context.database.write() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, query: str) -> list[Mapping[str, Any]]:
        """Return what a query finds."""
        with self.context.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]

    def delivery(self, external_id: str = "v-1") -> Mapping[str, Any]:
        """Return how one invite stands."""
        rows = self.rows("SELECT * FROM delivery")
        return next(row for row in rows if row["external_id"] == external_id)

    def wait(self, external_id: str = "v-1") -> float:
        """Return the seconds until one invite is due."""
        due = self.delivery(external_id)["next_attempt_at"]
        moment = datetime.fromisoformat(due) if isinstance(due, str) else due
        return float((moment - self.context.database.read_now()).total_seconds())

    def attempts(self) -> list[Mapping[str, Any]]:
        """Return the ledger, oldest first."""
        return self.rows("SELECT * FROM attempt ORDER BY started_at")

    def make_due(self) -> None:
        """Let every back-off and hold be over, as time would."""
        worker_rows.make_due(self)
        worker_rows.end_waits(self)

    def let_holds_end(self) -> None:
        """Let every stored hold be over, as time would: of connections, and of the host."""
        worker_rows.let_stored_holds_end(self)

    def reads(self, outcome: str = "") -> int:
        """Return how often the sandbox was asked for locations, as the directory and the probe do."""
        counts = self.sandbox.ledger()["by_route"].get("GET /v1/locations", {})
        return sum(number for answer, number in counts.items() if outcome in {"", answer})
