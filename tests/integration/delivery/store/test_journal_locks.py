"""Rows that a caller has locked: their verdicts wait aside, so many at most, and in no transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.journal_with_rows import JournalWithRows
from worker.clock import boot_clock
from worker.database import Database
from worker.delivery.store.claims import LATE_SECONDS, Claims, Lease, WaitedTooLong
from worker.delivery.store.verdicts import Stored
from worker.errors import DatabaseLocked

FASTER = 10  # than the boot clock, so that the last seconds of a verdict are soon over
CHANGE = sa.text("UPDATE invite SET notes = 'changed' WHERE external_id = :key")


@pytest.fixture
def postgresql_desk(postgresql_url: str) -> Iterator[JournalWithRows]:
    """Give a journal and four due rows on PostgreSQL, where rows are locked; one verdict may wait aside."""
    database = Database(postgresql_url)
    made = JournalWithRows(database, 4, most_aside=1)
    yield made
    made.close()
    database.dispose()


@contextmanager
def locking(journal_with_rows: JournalWithRows, *keys: str) -> Iterator[sa.Connection]:
    """Keep a caller's transaction open that has changed visits in this order."""
    with journal_with_rows.database.engine.connect() as caller, caller.begin():
        for key in keys:
            caller.execute(CHANGE, {"key": key})
        yield caller


def test_a_verdict_whose_row_is_locked_waits_aside(postgresql_desk: JournalWithRows) -> None:
    """The others of its group are stored; it is as well, soon after the caller's commit."""
    journal_with_rows = postgresql_desk
    attempts = journal_with_rows.claimed(2)
    with locking(journal_with_rows, "v-1"):
        with journal_with_rows.busy():
            first, second = (journal_with_rows.hand_over(*attempt) for attempt in attempts)
        assert second.get(timeout=30) is Stored.SETTLED
        assert (first.empty(), journal_with_rows.journal.in_hand) == (True, 1)

    assert first.get(timeout=30) is Stored.SETTLED
    assert journal_with_rows.statuses()[:2] == ["pending", "sent"], "the caller's change is due"


def test_no_claim_is_granted_while_too_many_verdicts_wait(postgresql_desk: JournalWithRows) -> None:
    """The claimer waits as well, so that no more come into doubt; it goes on when the row is free."""
    journal_with_rows = postgresql_desk
    ((row, claim),) = journal_with_rows.claimed(1)
    with locking(journal_with_rows, "v-1"):
        told = journal_with_rows.hand_over(row, claim)
        journal_with_rows.journal.write(lambda _: None)  # after it, so that the verdict waits by now
        waiting = journal_with_rows.claiming(journal_with_rows.rows[1])
        journal_with_rows.journal.write(lambda _: None)
        assert (waiting.done(), journal_with_rows.statuses()[1]) == (False, "pending")

    assert waiting.result(timeout=30) is not None
    assert told.get(timeout=30) is Stored.SETTLED


def test_a_claim_that_was_kept_for_long_is_not_granted(postgresql_desk: JournalWithRows) -> None:
    """Its token, hold and pace were looked at long ago: the claimer looks again before anything is sent."""
    journal_with_rows = postgresql_desk
    times = iter([0.0, LATE_SECONDS + 1])
    late = Claims(
        journal_with_rows.database,
        journal_with_rows.journal,
        host="h",
        lease=Lease(60, 15),
        run_id="run",
        clock=lambda: next(times),
    )
    ((row, claim),) = journal_with_rows.claimed(1)
    journal_with_rows.claims = late
    with locking(journal_with_rows, "v-1"):
        told = journal_with_rows.hand_over(row, claim)
        journal_with_rows.journal.write(lambda _: None)
        waiting = journal_with_rows.claiming(journal_with_rows.rows[1])
        journal_with_rows.journal.write(lambda _: None)

    with pytest.raises(WaitedTooLong):
        waiting.result(timeout=30)
    assert told.get(timeout=30) is Stored.SETTLED
    assert journal_with_rows.statuses()[1] == "pending"


def test_a_claim_in_one_group_with_a_verdict_that_waits_is_not_granted(
    postgresql_desk: JournalWithRows,
) -> None:
    """How many wait is counted within the transaction that would grant it."""
    journal_with_rows = postgresql_desk
    ((row, claim),) = journal_with_rows.claimed(1)
    with locking(journal_with_rows, "v-1"):
        with journal_with_rows.busy():
            journal_with_rows.hand_over(row, claim)
            waiting = journal_with_rows.claiming(journal_with_rows.rows[1])
        journal_with_rows.journal.write(lambda _: None)
        assert (waiting.done(), journal_with_rows.statuses()[1]) == (False, "pending")


def test_a_stop_ends_the_wait_of_a_claim(postgresql_desk: JournalWithRows) -> None:
    """It has claimed nothing; the verdict is given up after its last seconds, and told once."""
    journal_with_rows = postgresql_desk
    ((row, claim),) = journal_with_rows.claimed(1)
    with locking(journal_with_rows, "v-1"):
        told = journal_with_rows.hand_over(row, claim, clock=lambda: FASTER * boot_clock())
        journal_with_rows.journal.write(lambda _: None)
        waiting = journal_with_rows.claiming(journal_with_rows.rows[1])
        journal_with_rows.stop.set()

        assert waiting.result(timeout=30) is None
        assert isinstance(told.get(timeout=30), DatabaseLocked)
    assert (told.empty(), journal_with_rows.journal.in_hand) == (True, 0)


def test_a_caller_that_locks_rows_in_any_order_meets_no_deadlock(postgresql_desk: JournalWithRows) -> None:
    """The journal waits for no row while it holds one: the caller's second change goes through at once."""
    journal_with_rows = postgresql_desk
    attempts = journal_with_rows.claimed(3)
    before = deadlocks(journal_with_rows)
    with locking(journal_with_rows, "v-3") as caller:
        told = [journal_with_rows.hand_over(*attempt) for attempt in attempts]
        caller.execute(CHANGE, {"key": "v-1"})
        caller.execute(CHANGE, {"key": "v-2"})

    assert [one.get(timeout=30) for one in told] == [Stored.SETTLED] * 3
    assert deadlocks(journal_with_rows) == before


def deadlocks(journal_with_rows: JournalWithRows) -> int:
    """Return how many deadlocks the server has seen in this database."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with journal_with_rows.database.read() as connection:
        return int(connection.execute(sa.text(query)).scalar_one())


def test_the_verdict_of_a_row_that_is_gone_is_told(postgresql_desk: JournalWithRows) -> None:
    """Nobody has locked it, and it does not wait for its patience to end."""
    journal_with_rows = postgresql_desk
    ((row, claim),) = journal_with_rows.claimed(1)
    with journal_with_rows.database.write() as connection:
        worker_rows.forget_attempts(worker_rows.In(connection))
        worker_rows.lose_delivery(worker_rows.In(connection), "v-1")

    assert journal_with_rows.hand_over(row, claim).get(timeout=30) is Stored.OTHER_ID
