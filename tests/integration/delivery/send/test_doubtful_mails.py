"""An update that lets Envoy mail the visitor, and whose answer is lost: the visitor is mailed once for it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.failpoints import armed
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json


def mails(worker: WorkerWithSandbox) -> int:
    """Return how many updates so far had the visitor mailed."""
    ledger = worker.sandbox.ledger()
    return len(ledger["mails"]) - len(ledger["creates"])


def push(worker: WorkerWithSandbox, **faults: Any) -> list[Any]:
    """Push what waits, while Envoy has these faults; return the events."""
    worker.sandbox.set_faults(faults_from_json(faults))
    worker.make_due()
    with capture_logs() as logs:
        worker.push()
    worker.sandbox.set_faults(Faults())
    return list(logs)


def warned(logs: list[Any]) -> list[str]:
    """Return the warnings that a mail was not asked for again."""
    return [log["hint"] for log in logs if log.get("error_code") == "mail_not_repeated"]


@pytest.fixture
def mailing_worker(worker: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker with one visit that Envoy has, whose visitor is to be mailed."""
    worker.add(send_email=True, notes="a")
    worker.push()
    return worker


def test_a_doubtful_update_mails_once_however_often_it_is_repeated(mailing_worker: WorkerWithSandbox) -> None:
    """From the second time on it asks for no mail; that is told once, when it has gone through."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = 'b'")

    doubts = ("commit_then_500_share", "drop_after_share", "garbage_share", "drop_before_share")
    logs = [log for fault in doubts for log in push(worker, **{fault: 1.0})]
    assert warned(logs) == []
    assert mails(worker) == 1
    logs += push(worker)

    (invite,) = worker.sandbox.invites()
    assert (invite["notes"], mails(worker), len(worker.sandbox.ledger()["updates"])) == ("b", 1, 4)
    assert len(warned(logs)) == 1
    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("sent", "mail_not_repeated")


def test_a_later_change_mails_again(mailing_worker: WorkerWithSandbox) -> None:
    """What was in doubt is settled: a change and its way back send nothing, and a new change mails."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = 'b'")
    push(worker, drop_after_share=1.0)
    push(worker)

    worker.execute("UPDATE invite SET notes = 'c'")
    worker.execute("UPDATE invite SET notes = 'b'")
    push(worker)
    assert mails(worker) == 1
    worker.execute("UPDATE invite SET notes = 'd'")
    logs = push(worker)

    assert (mails(worker), warned(logs)) == (2, [])
    assert worker.delivery()["error_code"] is None


def test_an_update_whose_process_died_may_have_mailed(mailing_worker: WorkerWithSandbox) -> None:
    """Nobody heard its answer: that is a doubt like any other."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = 'b'")

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), armed("after_answer", action=die):
        worker.push()
    worker_rows.let_leases_end(worker)
    logs = push(worker)

    assert (mails(worker), len(worker.sandbox.ledger()["updates"])) == (1, 2)
    assert len(warned(logs)) == 1


@pytest.mark.parametrize("fault", [{"error_429_share": 1.0}, {"refuse_nulls": 422}])
def test_an_update_that_was_surely_not_executed_asks_for_its_mail_again(
    mailing_worker: WorkerWithSandbox, fault: dict[str, Any]
) -> None:
    """A 429 and a refusal mailed nobody."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = NULL, expected_departure_at = expected_arrival_at")

    logs = push(worker, **fault) + push(worker)

    assert (mails(worker), warned(logs)) == (1, [])


def test_a_mail_that_was_never_asked_for_is_sent_after_a_doubt(worker: WorkerWithSandbox) -> None:
    """The doubt is about the mail only where the doubtful update had asked for one."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    push(worker, drop_after_share=1.0)

    worker.execute("UPDATE invite SET send_email = true")
    logs = push(worker)

    assert len(worker.sandbox.ledger()["mails"]) == 1
    assert warned(logs) == []


def test_a_doubt_about_content_that_retention_cleared_is_remembered_too(
    mailing_worker: WorkerWithSandbox,
) -> None:
    """Nothing is stored of what Envoy has, and still the mail is asked for once."""
    worker = mailing_worker
    worker_rows.forget_sent_content(worker)
    worker.execute("UPDATE invite SET notes = 'b'")

    for _ in range(2):
        push(worker, commit_then_500_share=1.0)
    push(worker)

    assert mails(worker) == 1
    assert worker.delivery()["status"] == "sent"


def test_a_remove_in_doubt_does_not_make_the_mail_be_asked_for_again(
    mailing_worker: WorkerWithSandbox,
) -> None:
    """The update before it may have mailed; wanted again, the invite is still there."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = 'b'")
    push(worker, drop_after_share=1.0)
    worker.execute("UPDATE invite SET wanted = 'absent'")
    push(worker, drop_before_share=1.0, only="")

    worker.execute("UPDATE invite SET wanted = 'present'")
    push(worker)

    assert mails(worker) == 1
    assert worker.delivery()["status"] == "sent"


@pytest.mark.parametrize("change", ["notes = 'c'", "wanted = 'absent'"])
def test_a_lost_route_makes_no_doubtful_mail_be_asked_for_again(
    mailing_worker: WorkerWithSandbox, change: str
) -> None:
    """That a gateway refused what came next says nothing of the first try, which had mailed."""
    worker = mailing_worker
    worker.execute("UPDATE invite SET notes = 'b'")
    push(worker, drop_after_share=1.0)
    worker.execute(f"UPDATE invite SET {change}")  # noqa: S608
    push(worker, lost="json")
    worker.execute("UPDATE invite SET wanted = 'present'")

    logs = push(worker)

    assert (mails(worker), len(warned(logs))) == (1, 1)
    assert worker.delivery()["status"] == "sent"
