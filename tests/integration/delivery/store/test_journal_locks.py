"""Rows that a caller has locked: their verdicts wait aside, so many at most, and in no transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.integration.delivery.desks import Desk
from worker.clock import boot_clock
from worker.database import Database
from worker.delivery.store.claims import LATE_SECONDS, Claims, Lease, WaitedTooLong
from worker.delivery.store.verdicts import Stored
from worker.errors import DatabaseLocked

FASTER = 10  # than the boot clock, so that the last seconds of a verdict are soon over
CHANGE = sa.text("UPDATE invite SET notes = 'changed' WHERE external_id = :key")


@pytest.fixture
def postgresql_desk(postgresql_url: str) -> Iterator[Desk]:
    """Give a journal and four due rows on PostgreSQL, where rows are locked; one verdict may wait aside."""
    database = Database(postgresql_url)
    made = Desk(database, 4, most_aside=1)
    yield made
    made.close()
    database.dispose()


@contextmanager
def locking(desk: Desk, *keys: str) -> Iterator[sa.Connection]:
    """Keep a caller's transaction open that has changed visits in this order."""
    with desk.database.engine.connect() as caller, caller.begin():
        for key in keys:
            caller.execute(CHANGE, {"key": key})
        yield caller


def test_a_verdict_whose_row_is_locked_waits_aside(postgresql_desk: Desk) -> None:
    """The others of its group are stored; it is as well, soon after the caller's commit."""
    desk = postgresql_desk
    attempts = desk.claimed(2)
    with locking(desk, "v-1"):
        with desk.busy():
            first, second = (desk.hand_over(*attempt) for attempt in attempts)
        assert second.get(timeout=30) is Stored.SETTLED
        assert (first.empty(), desk.journal.in_hand) == (True, 1)

    assert first.get(timeout=30) is Stored.SETTLED
    assert desk.statuses()[:2] == ["pending", "sent"], "the caller's change is due"


def test_no_claim_is_granted_while_too_many_verdicts_wait(postgresql_desk: Desk) -> None:
    """The claimer waits as well, so that no more come into doubt; it goes on when the row is free."""
    desk = postgresql_desk
    ((row, claim),) = desk.claimed(1)
    with locking(desk, "v-1"):
        told = desk.hand_over(row, claim)
        desk.journal.write(lambda _: None)  # after it, so that the verdict waits by now
        waiting = desk.claiming(desk.rows[1])
        desk.journal.write(lambda _: None)
        assert (waiting.done(), desk.statuses()[1]) == (False, "pending")

    assert waiting.result(timeout=30) is not None
    assert told.get(timeout=30) is Stored.SETTLED


def test_a_claim_that_was_kept_for_long_is_not_granted(postgresql_desk: Desk) -> None:
    """Its token, hold and pace were looked at long ago: the claimer looks again before anything is sent."""
    desk = postgresql_desk
    times = iter([0.0, LATE_SECONDS + 1])
    late = Claims(
        desk.database, desk.journal, host="h", lease=Lease(60, 15), run_id="run", clock=lambda: next(times)
    )
    ((row, claim),) = desk.claimed(1)
    desk.claims = late
    with locking(desk, "v-1"):
        told = desk.hand_over(row, claim)
        desk.journal.write(lambda _: None)
        waiting = desk.claiming(desk.rows[1])
        desk.journal.write(lambda _: None)

    with pytest.raises(WaitedTooLong):
        waiting.result(timeout=30)
    assert told.get(timeout=30) is Stored.SETTLED
    assert desk.statuses()[1] == "pending"


def test_a_claim_in_one_group_with_a_verdict_that_waits_is_not_granted(postgresql_desk: Desk) -> None:
    """How many wait is counted within the transaction that would grant it."""
    desk = postgresql_desk
    ((row, claim),) = desk.claimed(1)
    with locking(desk, "v-1"):
        with desk.busy():
            desk.hand_over(row, claim)
            waiting = desk.claiming(desk.rows[1])
        desk.journal.write(lambda _: None)
        assert (waiting.done(), desk.statuses()[1]) == (False, "pending")


def test_a_stop_ends_the_wait_of_a_claim(postgresql_desk: Desk) -> None:
    """It has claimed nothing; the verdict is given up after its last seconds, and told once."""
    desk = postgresql_desk
    ((row, claim),) = desk.claimed(1)
    with locking(desk, "v-1"):
        told = desk.hand_over(row, claim, clock=lambda: FASTER * boot_clock())
        desk.journal.write(lambda _: None)
        waiting = desk.claiming(desk.rows[1])
        desk.stop.set()

        assert waiting.result(timeout=30) is None
        assert isinstance(told.get(timeout=30), DatabaseLocked)
    assert (told.empty(), desk.journal.in_hand) == (True, 0)


def test_a_caller_that_locks_rows_in_any_order_meets_no_deadlock(postgresql_desk: Desk) -> None:
    """The journal waits for no row while it holds one: the caller's second change goes through at once."""
    desk = postgresql_desk
    attempts = desk.claimed(3)
    before = deadlocks(desk)
    with locking(desk, "v-3") as caller:
        told = [desk.hand_over(*attempt) for attempt in attempts]
        caller.execute(CHANGE, {"key": "v-1"})
        caller.execute(CHANGE, {"key": "v-2"})

    assert [one.get(timeout=30) for one in told] == [Stored.SETTLED] * 3
    assert deadlocks(desk) == before


def deadlocks(desk: Desk) -> int:
    """Return how many deadlocks the server has seen in this database."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with desk.database.read() as connection:
        return int(connection.execute(sa.text(query)).scalar_one())


def test_the_verdict_of_a_row_that_is_gone_is_told(postgresql_desk: Desk) -> None:
    """Nobody has locked it, and it does not wait for its patience to end."""
    desk = postgresql_desk
    ((row, claim),) = desk.claimed(1)
    with desk.database.write() as connection:
        for statement in ("DELETE FROM attempt", "DELETE FROM delivery WHERE external_id = 'v-1'"):
            connection.execute(sa.text(statement))

    assert desk.hand_over(row, claim).get(timeout=30) is Stored.OTHER_ID
