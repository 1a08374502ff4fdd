"""The journal: what waits is one commit, and each entry in it means what it means alone."""

import threading

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.journal_with_rows import JournalWithRows, transactions
from tests.integration.delivery.two_workers import CrashError
from tests.waiting import wait_until
from worker.delivery.store.verdicts import Stored
from worker.failpoints import armed


def test_what_waits_is_one_commit(journal_with_rows: JournalWithRows) -> None:
    """Claims and verdicts that came in while the journal was busy cost one transaction together."""
    attempts = journal_with_rows.claimed(3)
    with transactions(journal_with_rows.database) as number:
        with journal_with_rows.busy():
            told = [journal_with_rows.hand_over(*attempt) for attempt in attempts]
            claims = [journal_with_rows.claiming(row) for row in journal_with_rows.rows[3:]]
        assert [one.get(timeout=30) for one in told] == [Stored.SETTLED] * 3
        assert all(claim.result() for claim in claims)
        assert number() == 2, "that which kept it busy, and the group"

    assert journal_with_rows.statuses() == ["sent"] * 3 + ["sending"] * 3


def test_each_claim_of_a_group_has_its_own_line(journal_with_rows: JournalWithRows) -> None:
    """The ledger has the intent of each, with the token that its row has now."""
    with journal_with_rows.busy():
        claims = [journal_with_rows.claiming(row) for row in journal_with_rows.rows]
    made = [claim.result() for claim in claims]

    query = "SELECT id, delivery_id, fencing_token, kind, revision, run_id FROM attempt ORDER BY delivery_id"
    with journal_with_rows.database.read() as connection:
        lines = [tuple(line) for line in connection.execute(sa.text(query))]
    assert lines == [(one.attempt_id, one.delivery_id, 1, "create", 1, "run") for one in made if one]


def test_of_twins_in_one_group_one_is_claimed(journal_with_rows: JournalWithRows) -> None:
    """The others of the group are claimed as if the twin were not there."""
    with journal_with_rows.busy():
        twins = [journal_with_rows.claiming(row, "same") for row in journal_with_rows.rows[:2]]
        other = journal_with_rows.claiming(journal_with_rows.rows[2], "other")

    assert sorted(claim.result() is not None for claim in twins) == [False, True]
    assert other.result() is not None


def test_an_id_that_another_row_has_leaves_only_its_own_row_in_doubt(
    journal_with_rows: JournalWithRows,
) -> None:
    """Two verdicts of a group bring the same id: one is in doubt for a person, the third is settled."""
    attempts = journal_with_rows.claimed(3)
    with journal_with_rows.busy():
        told = [
            journal_with_rows.hand_over(*attempt, envoy_id=one)
            for attempt, one in zip(attempts, "778", strict=True)
        ]
    came = [one.get(timeout=30) for one in told]

    assert came == [Stored.SETTLED, Stored.ID_TAKEN, Stored.SETTLED]
    assert journal_with_rows.statuses()[:3] == ["sent", "unknown", "sent"]


def test_a_claim_that_comes_right_after_a_verdict_of_its_twin_is_granted(
    journal_with_rows: JournalWithRows,
) -> None:
    """Within one group verdicts come first: what they settle is in nobody's way."""
    row, twin = journal_with_rows.rows[:2]
    claim = journal_with_rows.claim(row, "same")
    assert claim is not None
    with journal_with_rows.busy():
        second = journal_with_rows.claiming(twin, "same")
        told = journal_with_rows.hand_over(row, claim)

    assert second.result() is not None
    assert told.get(timeout=30) is Stored.SETTLED


def test_two_verdicts_of_one_row_are_not_one_group(journal_with_rows: JournalWithRows) -> None:
    """A second verdict finds what the first has written, as if they had come one by one."""
    ((row, claim),) = journal_with_rows.claimed(1)
    with journal_with_rows.busy():
        told = [journal_with_rows.hand_over(row, claim, envoy_id=one) for one in ("7", "8")]

    assert [one.get(timeout=30) for one in told] == [Stored.SETTLED, Stored.OTHER_ID]


def test_a_small_write_is_part_of_the_group(journal_with_rows: JournalWithRows) -> None:
    """Its caller has what it returned; a mistake in it rolls back nobody else's work."""
    ((row, claim),) = journal_with_rows.claimed(1)

    def failing(connection: sa.Connection) -> None:
        worker_rows.set_status(worker_rows.In(connection), "no such status")

    with journal_with_rows.busy():
        told = journal_with_rows.hand_over(row, claim)
        wrong = journal_with_rows.pool.submit(journal_with_rows.journal.write, failing)
        right = journal_with_rows.pool.submit(
            journal_with_rows.journal.write,
            lambda connection: connection.execute(sa.text("SELECT 7")).scalar(),
        )
        wait_until(lambda: journal_with_rows.journal.submitted >= 5)

    assert right.result() == 7
    assert isinstance(wrong.exception(), sa.exc.IntegrityError)
    assert told.get(timeout=30) is Stored.SETTLED


@pytest.mark.parametrize(
    ("place", "statuses"),
    [
        ("before_group_commit", ["sending", "sending", "pending"]),
        ("before_verdict_commit", ["sending", "sending", "pending"]),
        ("after_group_commit", ["sent", "sent", "sending"]),
        ("after_verdict_commit", ["sent", "sent", "sending"]),
    ],
)
def test_a_group_is_stored_whole_or_not_at_all(
    journal_with_rows: JournalWithRows, place: str, statuses: list[str]
) -> None:
    """Wherever the process ends, no part of a group is there without the others."""
    attempts = journal_with_rows.claimed(2)

    def end() -> None:
        raise CrashError

    with armed(place, nth=2, action=end):
        with journal_with_rows.busy():
            told = [journal_with_rows.hand_over(*attempt) for attempt in attempts]
            claim = journal_with_rows.claiming(journal_with_rows.rows[2])
        came = [one.get(timeout=30) for one in told]
        ended = claim.exception()

    assert isinstance(ended, CrashError) or place == "after_verdict_commit"
    assert any(isinstance(one, CrashError) for one in came)
    assert journal_with_rows.statuses()[:3] == statuses
    assert journal_with_rows.journal.in_hand == 0


def test_verdicts_are_counted_until_they_are_told(journal_with_rows: JournalWithRows) -> None:
    """Anyone who ends a run can wait for them."""
    ((row, claim),) = journal_with_rows.claimed(1)
    with journal_with_rows.busy():
        journal_with_rows.hand_over(row, claim)
        assert journal_with_rows.journal.in_hand == 1

    wait_until(lambda: not journal_with_rows.journal.in_hand)
    assert journal_with_rows.statuses()[0] == "sent"


def test_closing_waits_for_what_was_handed_over(journal_with_rows: JournalWithRows) -> None:
    """Nothing is lost at the end of a process, and no thread stays; the next entry starts one again."""
    attempts = journal_with_rows.claimed(2)
    journal_with_rows.hand_over(*attempts[0])
    journal_with_rows.journal.close()
    assert journal_with_rows.statuses()[0] == "sent"
    assert "journal" not in {thread.name for thread in threading.enumerate()}

    told = journal_with_rows.hand_over(*attempts[1])
    assert told.get(timeout=30) is Stored.SETTLED
