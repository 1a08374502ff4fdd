"""Whose grant it is, through a push and the sandbox's real HTTP."""

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.connections.states import HoldReason
from worker.errors import ExitCode
from worker.sandbox import Faults


def test_nothing_is_sent_with_another_companys_grant(worker: WorkerWithSandbox) -> None:
    """The refresh before the push names another company: held, and only a consent goes on."""
    worker.add()
    worker.sandbox.expire_access_tokens()
    worker_rows.let_access_tokens_end(worker)
    worker.sandbox.set_faults(Faults(refresh_company="20000"))

    reports = [worker.push(), worker.push()]

    (row,) = worker.rows("SELECT * FROM connection")
    assert [report.troubles for report in reports] == [{ExitCode.NEEDS_AUTHORISATION}] * 2
    assert (row["hold_reason"], row["company_id"], row["token_version"]) == (
        HoldReason.OTHER_COMPANY, "10000", 2,
    )  # fmt: skip
    assert worker.sandbox.ledger()["attempts"] == []

    worker.sandbox.set_faults(Faults())
    worker.connect()
    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert len(worker.sandbox.ledger()["creates"]) == 1


def test_a_refresh_without_a_token_type_or_a_company_loses_nothing(worker: WorkerWithSandbox) -> None:
    """The new pair is stored and used."""
    worker.add()
    worker_rows.let_access_tokens_end(worker)
    worker.sandbox.set_faults(Faults(token_type="absent", token_company="absent"))

    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.sandbox.ledger()["refreshes"] == 1


def test_a_refresh_that_envoy_carries_out_late_is_a_lost_rotation(worker: WorkerWithSandbox) -> None:
    """The second post was answered; then the first one spent the token again, and ended the grant."""
    worker.add()
    worker_rows.let_access_tokens_end(worker)
    worker.sandbox.set_faults(Faults(token_late=1, token_late_seconds=1.0))
    worker.push()
    wait_until(lambda: worker.sandbox.ledger()["families_killed"] == 1)
    worker.add("v-2")

    worker.push()

    (row,) = worker.rows("SELECT * FROM connection")
    assert (row["status"], row["status_reason"]) == ("needs_authorisation", "lost_rotation")
    assert (worker.delivery()["status"], worker.delivery("v-2")["status"]) == ("sent", "pending")
