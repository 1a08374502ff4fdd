"""Many customers on one installation: one has most of the invites, one a dead grant, one is held."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from bench.workplace import connect
from tests import worker_rows
from tests.torture.fast_installation import FastInstallation
from tests.workers import ForkedCommands, Worker
from worker.context import Context
from worker.sandbox import Sandbox

BIG, DEAD, HELD = "big", "dead", "held"
FIRST_COMPANY = 10_000
LOOK_EVERY_SECONDS = 0.1
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES (:connection, :key, :key, 'Berlin', '2035-05-01T10:00:00Z')"
)
CONNECTED = (
    "SELECT count(*) AS number FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Customers(FastInstallation):
    """An installation with so many connections, each of a company of its own."""

    def __init__(
        self, forked_commands: ForkedCommands, url: str, sandbox: Sandbox, names: list[str], **settings: str
    ) -> None:
        """Connect them all; the dead one's token is over, and its refresh token revoked."""
        super().__init__(forked_commands, url, sandbox, **settings)
        self.companies = {
            name: str(company) for name, company in zip(names, count(FIRST_COMPANY), strict=False)
        }
        with Context.from_environment(self.env) as context:
            for name, company in self.companies.items():
                connect(context, name, company_id=company)
        worker_rows.pause(self, HELD)
        worker_rows.let_access_tokens_end(self, DEAD)
        sandbox.revoke(self.companies[DEAD])

    def hand_in(self, name: str, number: int) -> None:
        """Insert so many invites of one customer."""
        rows = [{"connection": name, "key": f"{name}-{n}"} for n in range(number)]
        with self.database.write() as connection:
            connection.execute(sa.text(INSERT), rows)

    def places(self) -> dict[str, list[int]]:
        """Return the places of each customer's creates in the order in which Envoy got them, from 1 on."""
        names = {company: name for name, company in self.companies.items()}
        places: dict[str, list[int]] = {name: [] for name in self.companies}
        for place, entry in enumerate(self.sandbox.ledger()["creates"], 1):
            places[names[entry["company_id"]]].append(place)
        return places

    def most_used(self, worker: Worker) -> tuple[int, int]:
        """Return how many threads and database connections a worker had at most, once it has ended."""
        threads = connections = 0
        process = Path(f"/proc/{worker.pid}")
        while not worker.ended():
            with suppress(OSError):  # it ends in between
                threads = max(threads, len(list((process / "task").iterdir())))
                connections = max(connections, self._connections(process))
            time.sleep(LOOK_EVERY_SECONDS)
        return threads, connections

    def _connections(self, process: Path) -> int:
        if not self.database.is_sqlite:
            return int(self.rows(CONNECTED)[0]["number"])
        opened = [str(file.readlink()) for file in (process / "fd").iterdir()]
        return opened.count(str(self.database.url.database))


@contextmanager
def customers(
    forked_commands: ForkedCommands, url: str, names: list[str], **settings: str
) -> Iterator[Customers]:
    """Give an installation of customers of these names, on a sandbox of their own."""
    with Sandbox(port=0, companies=len(names)) as sandbox:
        installation = Customers(forked_commands, url, sandbox, names, **settings)
        try:
            yield installation
        finally:
            installation.database.dispose()
