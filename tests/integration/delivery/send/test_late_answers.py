"""An answer that comes after the last look: it settles its row, and nobody who planned before acts on it.

Worker A stands still before its request, for longer than its lease and all looks, so that B may send the
visit again.  Then A's request is carried out and answered: in the moment before B acts.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from tests.integration.delivery import invariants
from tests.integration.delivery.suspended_worker import suspended
from tests.integration.delivery.two_workers import LEASE_SECONDS, TwoWorkers
from worker.errors import UsageError
from worker.failpoints import armed
from worker.invites import moves, store
from worker.sandbox import Faults

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def two_workers(database_url: str) -> Iterator[TwoWorkers]:
    """Give two workers, and an invite that look-ups are proven by."""
    made = TwoWorkers(database_url, reading=True)
    made.add()
    made.worker.push()
    yield made
    made.close()


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Give what is told."""
    with structlog.testing.capture_logs() as told:
        yield told


def delivery(two_workers: TwoWorkers) -> Any:
    return two_workers.worker.delivery("v-2")


@contextmanager
def suspended_create(two_workers: TwoWorkers) -> Iterator[Callable[[], None]]:
    """Let A stand still with its create claimed, until B has taken it for lost: give what wakes A."""
    two_workers.add()
    with suspended(lambda: two_workers.workers["A"].push(limit=1), "before_connect") as wake:
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["B"].push()
        assert delivery(two_workers)["status"] == "unknown"
        yield wake


def look(two_workers: TwoWorkers) -> None:
    """Let B look once."""
    two_workers.pass_time(31)
    two_workers.workers["B"].reconcile()


@contextmanager
def late_create(two_workers: TwoWorkers) -> Iterator[Callable[[], None]]:
    """Let it be due again, since both looks of B found nothing."""
    with suspended_create(two_workers) as wake:
        look(two_workers)
        look(two_workers)
        assert delivery(two_workers)["status"] == "pending"
        yield wake


def stale(logs: Logs) -> list[tuple[str, Any, Any]]:
    """Return the late answers that were told: level, their id, and the other one."""
    return [
        (one["log_level"], one.get("envoy_invite_id"), one.get("other_envoy_invite_id"))
        for one in logs
        if one["event"] == "invite.stale"
    ]


def test_a_create_that_was_planned_before_is_not_sent(two_workers: TwoWorkers) -> None:
    """The late answer settled the row, and the caller's change of it is an update, not a second create."""
    with late_create(two_workers) as wake:
        two_workers.change("v-2", notes="changed")
        with armed("before_claim", action=wake):
            two_workers.workers["B"].push()

    two_workers.workers["B"].push()
    (invite,) = two_workers.in_envoy("v-2")

    assert (delivery(two_workers)["status"], delivery(two_workers)["envoy_invite_id"]) == (
        "sent",
        invite["id"],
    )
    assert invite["notes"] == "changed"


def test_a_withdrawal_that_was_planned_before_removes_what_is_there_by_now(two_workers: TwoWorkers) -> None:
    """Nothing was in Envoy when it was planned, so that it would have been finished without a call."""
    with late_create(two_workers) as wake:
        two_workers.change("v-2", wanted="absent")
        with armed("before_finish", action=wake):
            two_workers.workers["B"].push()

    two_workers.workers["B"].push()

    assert two_workers.in_envoy("v-2") == []
    assert (delivery(two_workers)["status"], delivery(two_workers)["envoy_invite_id"]) == ("withdrawn", None)


def test_another_id_than_the_one_that_a_look_found_is_told(two_workers: TwoWorkers, logs: Logs) -> None:
    """The row keeps the id that it has, be it due again or not, and a person hears of both."""
    with suspended_create(two_workers) as wake:
        twin = two_workers.create_by_hand("v-2")
        look(two_workers)
        two_workers.change("v-2", notes="changed")
        assert (delivery(two_workers)["status"], delivery(two_workers)["envoy_invite_id"]) == (
            "pending",
            twin,
        )
        wake()

    late = next(one["id"] for one in two_workers.in_envoy("v-2") if one["id"] != twin)
    assert stale(logs) == [("error", late, twin)]
    two_workers.workers["B"].push()
    assert (delivery(two_workers)["status"], delivery(two_workers)["envoy_invite_id"]) == ("sent", twin)


def test_another_id_than_the_late_answers_is_told_of_a_look(two_workers: TwoWorkers, logs: Logs) -> None:
    """The answer came while the look was under way: the look changes nothing, and is not silent."""
    with suspended_create(two_workers) as wake:
        twin = two_workers.create_by_hand("v-2")
        with armed("after_look_up", action=wake):
            look(two_workers)

    late = delivery(two_workers)["envoy_invite_id"]
    assert {late, twin} == {one["id"] for one in two_workers.in_envoy("v-2")}
    assert stale(logs) == [("error", twin, late)]


def test_an_answer_that_came_before_the_next_attempts_is_told_with_both_ids(
    two_workers: TwoWorkers, logs: Logs
) -> None:
    """Both were carried out; whichever answer comes second, a person hears of both ids."""
    with late_create(two_workers) as wake, armed("after_answer", action=wake):
        two_workers.workers["B"].push()

    one, other = (invite["id"] for invite in two_workers.in_envoy("v-2"))
    mine = delivery(two_workers)["envoy_invite_id"]
    assert ("error", mine, one if mine == other else other) in stale(logs)


@pytest.mark.parametrize("by", ["look", "person"])
def test_what_came_late_with_older_content_is_brought_up_to_date(two_workers: TwoWorkers, by: str) -> None:
    """What is found may be an earlier attempt's, from before the caller's change: all of it is sent."""
    with late_create(two_workers) as wake:
        two_workers.change("v-2", notes="changed")

        def wake_and_go_away() -> None:
            wake()
            two_workers.sandbox.set_faults(Faults(drop_before_share=1.0))

        with armed("before_connect", action=wake_and_go_away):
            two_workers.workers["B"].push()
    two_workers.sandbox.set_faults(Faults())
    two_workers.pass_time(5)
    look(two_workers) if by == "look" else two_workers.resolve("v-2")
    two_workers.workers["B"].push()

    (invite,) = two_workers.in_envoy("v-2")
    assert (delivery(two_workers)["status"], invite["notes"]) == ("sent", "changed")


def test_the_same_id_again_changes_nothing(two_workers: TwoWorkers, logs: Logs) -> None:
    """A look found what A made, and then A's own answer comes: no error, and nothing twice."""
    two_workers.add()
    with suspended(lambda: two_workers.workers["A"].push(limit=1), "after_answer") as wake:
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["B"].push()
        look(two_workers)
        two_workers.change("v-2", notes="changed")
        wake()
    two_workers.workers["B"].push()

    assert [level for level, _, _ in stale(logs)] == ["warning"]
    assert [one["notes"] for one in two_workers.in_envoy("v-2")] == ["changed"]


def test_a_persons_verdict_is_about_the_attempt_that_the_person_saw(two_workers: TwoWorkers) -> None:
    """The row was tried again since: Envoy may have by now what the person did not find."""
    with suspended_create(two_workers) as wake:
        seen = store.require(two_workers.worker.context.database, "acme/v-2")
        look(two_workers)
        look(two_workers)
        with suspended(two_workers.workers["B"].push, "after_answer") as wake_b:
            two_workers.pass_time(2 * LEASE_SECONDS)
            two_workers.workers["B"].push()
            assert delivery(two_workers)["status"] == "unknown"
            with pytest.raises(UsageError, match="since"):
                moves.resolve(two_workers.worker.context.database, seen, envoy_invite_id=None)
            wake_b()
        assert delivery(two_workers)["status"] == "sent"
        wake()


def test_an_update_that_was_given_up_mails_the_visitor_once(two_workers: TwoWorkers, logs: Logs) -> None:
    """It was repeated without a mail; that its answer came after all changes neither Envoy nor the row."""
    two_workers.change("v-1", send_email=True)
    two_workers.pass_time(6)
    two_workers.worker.push()
    two_workers.change("v-1", notes="b")
    two_workers.pass_time(6)

    def give_up() -> None:
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["B"].push()

    mailed = len(two_workers.sandbox.ledger()["mails"])
    two_workers.interrupt(two_workers.workers["A"].push, "after_answer", give_up)

    assert len(two_workers.sandbox.ledger()["mails"]) == mailed + 1
    assert "mail_not_repeated" in [one.get("error_code") for one in logs]
    invariants.judge(two_workers)
