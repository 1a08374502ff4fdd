"""An installation with compressed times, whose workers are forked, killed and judged."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

import sqlalchemy as sa

from tests.installation import Installation, agree
from tests.waiting import wait_until
from tests.workers import ForkedCommands, Worker
from worker.sandbox import Options, Sandbox

SCOPES = ("locations.read", "flows.read", "invites.write", "token.refresh")
SCOPES_WITH_READ = (*SCOPES, "invites.read")
SENDERS = 16
COMPRESSED = {
    "WORKER_ENVOY__SCOPES": json.dumps(SCOPES_WITH_READ),
    "WORKER_PUSH__CONCURRENCY": str(SENDERS),
    "WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": "5",
    "WORKER_PUSH__LEASE_SECONDS": "30",
    "WORKER_PUSH__BACKOFF_SECONDS": "[0.1, 1]",
    "WORKER_PUSH__HOLD_SECONDS": "[0.2, 2]",
    "WORKER_RECONCILE__LOOK_UP_AFTER": "[0.1, 0.3]",
    "WORKER_JOBS__PUSH_INVITES__EVERY": "0.1",
    "WORKER_JOBS__RECONCILE_INVITES__EVERY": "0.1",
}
FIRST_ARRIVAL = datetime(2035, 5, 1, 10, tzinfo=UTC)
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, invitee_email, location, expected_arrival_at)"
    " VALUES ('acme', :key, :name, :email, 'Berlin', :arrival)"
)
CONNECTIONS = "SELECT name, status, status_reason, hold_reason, held_until, refresh_error FROM connection"
# What is not at its end yet, and what has no delivery yet.
LEFT = (
    "SELECT (SELECT count(*) FROM delivery WHERE status IN ('pending', 'sending', 'unknown'))"
    " + (SELECT count(*) FROM invite) - (SELECT count(*) FROM delivery) AS number"
)
UNSEEN = "DELETE FROM delivery WHERE connection = 'acme' AND external_id = :key"
CHANGE = "UPDATE invite SET notes = :notes WHERE connection = 'acme' AND external_id = :key"

CHANGE_AGAIN = (
    "UPDATE invite SET notes = :notes"
    " WHERE connection = 'acme' AND invitee_email = :email AND (notes IS NULL OR notes <> :notes)"
)


class FastInstallation(Installation):
    """One database, one sandbox, and the workers on them."""

    def __init__(
        self, forked_commands: ForkedCommands, database_url: str, sandbox: Sandbox, **settings: str
    ) -> None:
        """Set the environment; nothing is started yet."""
        super().__init__(database_url, sandbox, **(COMPRESSED | settings))
        self.forked_commands = forked_commands
        self.invites = 0
        self.changed: dict[str, str] = {}  # the notes that were changed, by the visitor's e-mail

    def launch(self, *command: str, **env: str) -> Worker:
        """Start a command as a process of its own."""
        return self.forked_commands.start(command, {**self.env, **env})

    def services(self, number: int) -> list[Worker]:
        """Start so many services."""
        return [self.launch("run") for _ in range(number)]

    def connect(self, name: str = "acme") -> str:
        """Connect as a customer would: open the printed URL and agree."""
        process = self.launch("connect", name)
        agree(process)
        assert process.wait() == 0, process.output.read_text()
        return process.output.read_text()

    def done(self, *command: str) -> None:
        """Run a command to its end; it must go well."""
        process = self.launch(*command)
        assert process.wait() == 0, process.output.read_text()

    def told(self, *command: str) -> Any:
        """Run a command to its end, and return the JSON that it prints."""
        process = self.launch(*command)
        assert process.wait() == 0, process.output.read_text()
        return json.loads(process.output.read_text())

    def add(self, number: int, *, unseen: int = 0) -> None:
        """Insert so many invites, no two of which are alike; *unseen* of them as if no trigger had fired."""
        rows = [visit(n) for n in range(self.invites, self.invites + number)]
        with self.database.write() as connection:
            connection.execute(sa.text(INSERT), rows)
            for row in rows[:unseen]:
                connection.execute(sa.text(UNSEEN), {"key": row["key"]})
        self.invites += number

    def add_near(self) -> None:
        """Insert the next invite as a visit of these days: by a clock that is years ahead it is long over."""
        arrival = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
        self.execute(INSERT, **{**visit(self.invites), "arrival": arrival})
        self.invites += 1

    def change(self, number: int) -> None:
        """Change so many of the newest invites, one after the other."""
        for n in range(self.invites - number, self.invites):
            row = {"key": f"v-{n}", "notes": f"changed {n}"}
            self.execute(CHANGE, **row)
            self.changed[str(visit(n)["email"])] = row["notes"]

    def feed_again(self) -> int:
        """Hand in again what the database lacks, changes too; return how many invites were gone."""
        known = {row["external_id"] for row in self.rows("SELECT external_id FROM invite")}
        gone = [row for row in map(visit, range(self.invites)) if row["key"] not in known]
        with self.database.write() as connection:
            if gone:
                connection.execute(sa.text(INSERT), gone)
            for email, notes in self.changed.items():
                connection.execute(sa.text(CHANGE_AGAIN), {"email": email, "notes": notes})
        return len(gone)

    def left(self) -> int:
        """Return how many invites are not at their end yet."""
        number: int = self.rows(LEFT)[0]["number"]
        return number

    def settle(self, seconds: float = 60) -> None:
        """Wait until every invite is at its end."""
        self.wait_for(lambda: self.left() == 0, seconds)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something is so; say how the invites stand where it never is."""
        try:
            wait_until(condition, seconds)
        except AssertionError as error:
            error.add_note(f"deliveries: {self.statuses()}")
            error.add_note(f"connections: {self.rows(CONNECTIONS)}")
            raise


def visit(number: int) -> dict[str, object]:
    """Return an invite; a few at a time arrive together, as they do."""
    return {
        "key": f"v-{number}",
        "name": f"Visit\u00f6r {number}",
        "email": f"visitor-{number}@example.com",
        "arrival": (FIRST_ARRIVAL + timedelta(minutes=5 * (number // 4))).isoformat(),
    }


@contextmanager
def prepared(
    forked_commands: ForkedCommands,
    database_url: str,
    settings: Mapping[str, str] | None = None,
    **options: Unpack[Options],
) -> Iterator[FastInstallation]:
    """Give an installation whose customer is connected, on a sandbox of these options."""
    with Sandbox(port=0, **options) as sandbox:
        installation = FastInstallation(forked_commands, database_url, sandbox, **(settings or {}))
        try:
            installation.connect()
            yield installation
        finally:
            installation.database.dispose()


@contextmanager
def ended(workers: list[Worker]) -> Iterator[list[Worker]]:
    """Give workers that are killed at the end of the block; none may have ended or erred by itself."""
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
    for worker in workers:
        worker.require_no_bug()
