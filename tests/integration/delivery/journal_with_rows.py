"""A journal at work on a database with due rows, and ways to have several entries in one transaction."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any

import sqlalchemy as sa

from tests.waiting import wait_until
from worker.backoff import BackOff
from worker.clock import boot_clock
from worker.database import Database
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.delivery.store.database_away import Patience
from worker.delivery.store.entries import Entry
from worker.delivery.store.journal import Journal
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.invites import Kind, Status, Verdict

INSERT = sa.text(
    "INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)"
    " VALUES ('acme', :key, :key, :arrival)"
)
BACK_OFF = BackOff(5, 900)
Told = SimpleQueue[Stored | BaseException]


class CountingJournal(Journal):
    """A journal that counts what it was handed."""

    submitted = 0

    def submit(self, entry: Entry) -> None:
        """Take an entry, and count it."""
        super().submit(entry)
        self.submitted += 1


class JournalWithRows:
    """One journal, and rows that are due."""

    def __init__(self, database: Database, rows: int, *, most_aside: int = 8) -> None:
        """Add the rows."""
        self.database = database
        self.stop = threading.Event()
        self.journal = CountingJournal(database, most_aside=most_aside, stop=self.stop)
        arrival = datetime.now(UTC) + timedelta(days=2)
        with database.write() as connection:
            for number in range(rows):
                moment: Any = arrival.isoformat() if database.is_sqlite else arrival
                connection.execute(INSERT, {"key": f"v-{number + 1}", "arrival": moment})
        until = database.read_now() + timedelta(seconds=5)
        self.rows: Sequence[DueRow] = due_page(database, "acme", after=None, until=until, size=rows).rows
        lease = Lease(60, 15)
        self.claims = Claims(database, self.journal, host="h", lease=lease, run_id="run", clock=boot_clock)
        self.verdicts = Verdicts(database, self.journal, BACK_OFF, first_look=5)
        self.pool = ThreadPoolExecutor(16)

    def close(self) -> None:
        """End the journal."""
        self.stop.set()
        self.journal.close()
        self.pool.shutdown()

    def claim(self, row: DueRow, key: str | None = None) -> Claim | None:
        """Claim a row, as a sender does."""
        return self.claims.take(row, Call(Kind.CREATE, content_key=key), uuid.uuid4().hex)

    def claimed(self, number: int = 0) -> list[tuple[DueRow, Claim]]:
        """Claim the first rows."""
        attempts = [(row, self.claim(row)) for row in self.rows[: number or None]]
        return [(row, claim) for row, claim in attempts if claim is not None]

    def claiming(self, row: DueRow, key: str | None = None) -> Future[Claim | None]:
        """Begin to claim a row; return once the journal has it."""
        before = self.journal.submitted
        future = self.pool.submit(self.claim, row, key)
        wait_until(lambda: self.journal.submitted > before)
        return future

    def hand_over(
        self,
        row: DueRow,
        claim: Claim,
        envoy_id: str | None = None,
        seconds: float = 60,
        *,
        clock: Callable[[], float] = boot_clock,
    ) -> Told:
        """Hand a success over, with a patience by this clock; what is told of it comes into the queue."""
        told: Told = SimpleQueue()
        outcome = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id=envoy_id or row.external_id)
        self.verdicts.hand_over(row, claim, outcome, Patience(self.stop, seconds, clock), told.put)
        return told

    def statuses(self) -> list[str]:
        """Return how the rows stand."""
        with self.database.read() as connection:
            return list(connection.execute(sa.text("SELECT status FROM delivery ORDER BY id")).scalars())

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keep the journal busy within the block: what it is handed there is one group afterwards."""
        begun, over = threading.Event(), threading.Event()

        def work(_: sa.Connection) -> None:
            begun.set()
            assert over.wait(30)

        working = self.pool.submit(self.journal.write, work)
        assert begun.wait(30)
        try:
            yield
        finally:
            over.set()
            working.result()


@contextmanager
def transactions(database: Database) -> Iterator[Callable[[], int]]:
    """Count the journal's transactions within the block: for each, it takes a connection from the pool."""
    counted: list[int] = []

    def count(*_: object) -> None:
        if threading.current_thread().name == "journal":
            counted.append(1)

    sa.event.listen(database.engine, "checkout", count)
    try:
        yield lambda: len(counted)
    finally:
        sa.event.remove(database.engine, "checkout", count)
