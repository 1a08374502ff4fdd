"""Old lines of the ledger and old runs are deleted; who reads the ledger still finds what it needs."""

from datetime import timedelta

import pytest

from tests import worker_rows
from tests.integration.retention.conftest import CustomerOverTime
from worker.database import utc_now


def lines(customer: CustomerOverTime) -> int:
    """Return how many lines the ledger has."""
    return len(customer.worker.attempts())


def run_ended(customer: CustomerOverTime, days_ago: float, name: str) -> None:
    """Let a run have ended so many days ago."""
    ended = customer.now - timedelta(days=days_ago)
    moment = ended.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    worker_rows.add_run(customer.worker, name, moment)


def test_old_lines_of_finished_invites_are_deleted(customer_with_past_visit: CustomerOverTime) -> None:
    """Ninety days after the visit by default; how the invite stands stays."""
    stood = customer_with_past_visit.worker.delivery()
    early = customer_with_past_visit.prune().counts["attempts_deleted"]
    customer_with_past_visit.pass_days(55)

    assert (early, customer_with_past_visit.prune().counts["attempts_deleted"]) == (0, 1)
    assert lines(customer_with_past_visit) == 0
    assert customer_with_past_visit.worker.delivery() == {**stood, "sent_content": None}


@pytest.mark.parametrize("status", ["pending", "sending", "unknown"])
def test_lines_of_unfinished_invites_stay(customer_with_past_visit: CustomerOverTime, status: str) -> None:
    """Recovery, look-ups and a person's verdict read them."""
    customer_with_past_visit.stand("v-1", status=status)
    customer_with_past_visit.pass_days(200)

    assert customer_with_past_visit.prune().counts["attempts_deleted"] == 0
    assert lines(customer_with_past_visit) == 1


def test_lines_of_visits_that_lie_ahead_stay(customer: CustomerOverTime) -> None:
    """Such a visit may be called off and wanted again: then the ledger says which Envoy ids it had before."""
    customer.visit(in_days=300)
    customer.worker.push()
    customer.change(wanted="absent")
    customer.worker.push()
    customer.pass_days(200)

    assert customer.prune().counts["attempts_deleted"] == 0
    assert lines(customer) == 2


def test_young_lines_stay(customer_with_past_visit: CustomerOverTime) -> None:
    """The time counts for each line by itself, too."""
    customer_with_past_visit.pass_days(100)
    yesterday = (
        (customer_with_past_visit.now - timedelta(days=1))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    worker_rows.note_decisions(customer_with_past_visit.worker, yesterday, "young")

    assert customer_with_past_visit.prune().counts["attempts_deleted"] == 1
    assert [line["id"] for line in customer_with_past_visit.worker.attempts()] == ["young"]


def test_an_invite_without_its_ledger_can_be_sent_again(customer_with_past_visit: CustomerOverTime) -> None:
    """A visit of long ago that is moved ahead, and written whole, is updated as any other."""
    customer_with_past_visit.pass_days(100)
    customer_with_past_visit.prune()
    moved = (customer_with_past_visit.now + timedelta(days=3)).isoformat()

    customer_with_past_visit.change(invitee_name="Ann New", expected_arrival_at=moved)

    assert customer_with_past_visit.worker.push().counts["updated"] == 1
    assert customer_with_past_visit.worker.delivery()["status"] == "sent"
    assert lines(customer_with_past_visit) == 1


def test_old_runs_are_deleted(customer: CustomerOverTime) -> None:
    """Those that ended more than ninety days ago; not where one connection only was asked for."""
    run_ended(customer, 91, "old")
    run_ended(customer, 89, "young")

    narrowed = customer.prune(connection="acme").counts["runs_deleted"]
    deleted = customer.prune().counts["runs_deleted"]

    assert (narrowed, deleted) == (0, 1)
    assert [row["id"] for row in customer.worker.rows("SELECT id FROM job_run")] == ["young"]


def test_many_runs_are_deleted_in_batches(customer: CustomerOverTime) -> None:
    """More than fit into one transaction."""
    runs = {f"run {number}": worker_rows.PAST for number in range(1200)}
    worker_rows.add_runs(customer.worker.context.database, runs)

    assert customer.prune(everything=True).counts["runs_deleted"] == 1200


def test_the_clock_of_the_database_counts(customer_with_past_visit: CustomerOverTime) -> None:
    """Not that of this host, which is months behind here."""
    customer_with_past_visit.pass_days(100)
    assert customer_with_past_visit.now > utc_now() + timedelta(days=100)

    assert customer_with_past_visit.prune().counts["cleared"] == 1
