"""A worker whose clock is turned by hand, with visits that go by."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from jobs import prune_history
from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.integration.status_columns import completed
from worker.envoy.server_clock import ServerClock
from worker.report import Report
from worker.runs import RunContext
from worker.sandbox import Sandbox

SECRETS = {
    "invitee_name": "Quentin Canary",
    "invitee_email": "quentin.canary@example.org",
    "host_email": "",
    "notes": "canary note",
    "custom_fields": '{"Company": "Canary Ltd"}',
}


class CustomerOverTime:
    """One connected customer, a sandbox, and time that passes."""

    def __init__(self, database_url: str, sandbox: Sandbox, **settings: str) -> None:
        """Connect; the clock stands a day ahead of the triggers', so that rows are due."""
        self.now = datetime.now(UTC) + timedelta(days=1)
        self.boot = 0.0  # seconds, by a clock that nobody can set
        self.sandbox = sandbox
        self.worker = WorkerWithSandbox(database_url, sandbox, lambda: self.now, **settings)
        self.beside: Callable[[], None] = lambda: None  # happens whenever it is asked what Envoy's clock said
        self.worker.context.envoy_clock = ServerClock(clock=self._boot_clock)
        self.worker.connect()
        self.agree()
        berlin = self.worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"]
        self.host = sandbox.add_employee("Host", "host@example.com", location_ids=[berlin])["id"]

    def _boot_clock(self) -> float:
        self.beside()
        return self.boot

    def pass_days(self, days: float) -> None:
        """Let time pass, everywhere; the host is rebooted in between, so that its own count begins again."""
        self.now += timedelta(days=days)
        self.boot += days * 86_400
        self.agree()
        worker_rows.set_jobs(self.worker, seen_boot="the boot before")

    def turn(self, **ahead: float) -> None:
        """Turn the database's clock, and no other."""
        self.now += timedelta(**ahead)

    def agree(self) -> None:
        """Let Envoy's clock tell the same time as the database's."""
        self.let_envoy_say(f"+{round((self.now - datetime.now(UTC)).total_seconds())}".replace("+-", "-"))

    def let_envoy_say(self, date: str) -> None:
        """Let Envoy's answers have this date, as the sandbox takes it."""
        self.sandbox.set_faults(replace(self.sandbox.faults, date=date))

    def visit(self, external_id: str = "v-1", *, in_days: float = 2, **columns: Any) -> None:
        """Insert a visit that tells much of its visitor."""
        arrival = (self.now + timedelta(days=in_days)).isoformat(timespec="seconds")
        told = {**SECRETS, "host_employee_id": self.host, "expected_arrival_at": arrival}
        self.worker.add(external_id, **{**told, **columns})

    def stand(self, external_id: str, **columns: Any) -> None:
        """Write columns of a delivery, as a worker would."""
        columns = completed(columns)
        worker_rows.set_delivery(self.worker, external_id, **columns)

    def change(self, external_id: str = "v-1", **columns: Any) -> None:
        """Change a visit, as its caller would."""
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        self.worker.execute(
            f"UPDATE invite SET {assigned} WHERE external_id = :key",  # noqa: S608
            key=external_id,
            **columns,
        )

    def invite(self, external_id: str = "v-1") -> dict[str, Any]:
        """Return a row of the caller's table."""
        rows = self.worker.rows("SELECT * FROM invite")
        return dict(next(row for row in rows if row["external_id"] == external_id))

    def prune(self, **scope: Any) -> Report:
        """Run the job by hand."""
        return prune_history.run(self.run_context(**scope))

    def run_context(self, **scope: Any) -> RunContext:
        """Return what the job is handed."""
        return self.worker.run_context(**scope)

    def requests(self) -> int:
        """Return how many changes of invites the sandbox was asked for."""
        return len(self.sandbox.ledger()["attempts"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox."""
    with Sandbox(port=0) as running:
        yield running


@pytest.fixture
def customer(database_url: str, sandbox: Sandbox) -> Iterator[CustomerOverTime]:
    """Give a customer; its events are not printed."""
    made = CustomerOverTime(database_url, sandbox)
    with structlog.testing.capture_logs():
        yield made
    made.worker.context.__exit__(None, None, None)


@pytest.fixture
def customer_with_past_visit(customer: CustomerOverTime) -> CustomerOverTime:
    """Give a customer in which Envoy had one visit, 38 days ago."""
    customer.visit()
    assert customer.worker.push().counts["sent"] == 1
    customer.pass_days(40)
    return customer
