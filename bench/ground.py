"""One database with customers and invites on one stand-in, and the worker that serves it."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from bench import customers, invites
from bench.databases import Databases
from bench.measuring import Running, Used, finished
from bench.stand_in import StandIn
from bench.workplace import environment, opened

LONGEST_SECONDS = 600.0
MOST_CUSTOMERS = 100_000
ALL = "%"
PUSH = ("run-once", "push_invites")
_SENT = """
    SELECT i.invitee_email, d.envoy_invite_id FROM invite AS i
    JOIN delivery AS d ON d.connection = i.connection AND d.external_id = i.external_id
    WHERE d.status = 'sent' AND d.envoy_invite_id NOT LIKE 'old-%'
"""
_LEFT = "SELECT count(*) FROM delivery WHERE status NOT IN ('sent', 'pending')"


class Ground:
    """A place to measure on; ``check`` says at the end whether every invite was sent exactly once."""

    def __init__(self, databases: Databases, kind: str, place: StandIn, **settings: object) -> None:
        """Make the database, with no customer yet; *settings* are the worker's, without ``WORKER_``."""
        self.databases = databases
        self.kind = kind
        self.place = place
        self.url = databases.make(kind)
        self.env = environment(self.url, place, **settings)
        # No two grounds have the same companies: several may share a stand-in.
        self._first_id = self._next_id = databases.grounds() * MOST_CUSTOMERS
        self._next_number = 1
        with opened(self.env):
            pass

    @cached_property
    def engine(self) -> sa.Engine:
        """A caller's own connection."""
        return sa.create_engine(_driver(self.url), poolclass=sa.NullPool)

    def connect(self, names: Sequence[str], **columns: object) -> list[str]:
        """Store customers, and return their companies; *columns* replace what is usual."""
        first, self._next_id = self._next_id, self._next_id + len(names)
        with opened(self.env) as context:
            customers.store(context, names, first, **columns)
        return [str(number) for number in range(first, self._next_id)]

    def add(self, each: int, name: str = ALL) -> None:
        """Insert so many invites of each customer whose name is like *name*."""
        first, self._next_number = self._next_number, self._next_number + each
        invites.add(self.engine, name=name, first=first, each=each)

    def finish(self) -> None:
        """Let all that is pending be sent long ago."""
        invites.finish(self.engine, name=ALL)

    def execute(self, statement: str, **values: object) -> None:
        """Change something by SQL."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Ask something by SQL."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def start(self, *arguments: str) -> Running:
        """Start a command of the worker."""
        running = Running(self.env, self.databases.log(), arguments)
        self.databases.at_end(running.end)
        return running

    def run(self, *arguments: str, expect: Sequence[int] = (0,), longest: float = LONGEST_SECONDS) -> Used:
        """Run a command of the worker to its end; it must end with such an exit code."""
        running = self.start(*arguments)
        return finished(running.wait(longest), arguments, set(expect))

    def push(self) -> Used:
        """Push all that is due."""
        return self.run(*PUSH)

    def check(self, *, whole: bool = True) -> int:
        """Compare the database with the stand-in's ledger, and return how many were sent.

        *whole*: nothing is left in doubt.
        """
        ledger = self.place.ledger()
        companies = {str(number) for number in range(self._first_id, self._next_id)}
        ours = [one for one in ledger.creates if one.company in companies]
        seen = Counter((one.email, one.envoy_id) for one in ours)
        told = Counter((str(row[0]), str(row[1])) for row in self.rows(_SENT))
        names = Counter(email for email, _ in seen.elements())
        requests = Counter(one.request_id for one in ours)
        if any(number > 1 for number in names.values()) or any(number > 1 for number in requests.values()):
            raise SystemExit(f"{self.kind}: an invite was sent twice")
        if told - seen or (whole and (seen != told or self.rows(_LEFT)[0][0])):
            raise SystemExit(f"{self.kind}: {len(seen)} were created, {len(told)} are stored as sent")
        if ledger.counts.get("refreshes refused"):
            raise SystemExit(f"{self.kind}: a refresh token was used twice")
        return len(told)


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
