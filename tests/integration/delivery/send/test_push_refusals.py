"""Push: what Envoy surely did not do, and whom that concerns."""

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import ExitCode
from worker.sandbox import Faults


def test_envoys_refusal_rejects_the_row_and_the_others_go_on(worker_with_invite: WorkerWithSandbox) -> None:
    """A 404 for one invite is that invite's; it is stored with its code, and not tried again."""
    worker_with_invite.add("bad", host_employee_id="999999")
    worker_with_invite.add("good")

    report = worker_with_invite.push()

    assert (report.counts["sent"], report.counts["rejected"]) == (1, 1)
    assert worker_with_invite.delivery("bad")["error_code"] == "not_found"
    assert not worker_with_invite.push().did_something


def test_throttling_holds_the_connection_and_burns_no_attempt(worker: WorkerWithSandbox) -> None:
    """A 429 defers its row and stops the connection until the time that Envoy names."""
    for number in range(30):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(Faults(error_429_share=1.0, retry_after="120"))

    report = worker.push()

    assert report.counts["sent"] == 0
    assert ExitCode.TRY_LATER in report.troubles
    assert report.counts["deferred"] <= 8, "no more than were in flight"
    (connection,) = worker.rows("SELECT * FROM connection")
    assert connection["hold_reason"] == "rate_limited"
    assert {row["attempts"] for row in worker.rows("SELECT attempts FROM delivery")} == {0}

    worker.sandbox.set_faults(Faults())
    assert not worker.push().counts["sent"], "the hold is still in force"
    worker.make_due()
    worker.push()
    assert len(worker.sandbox.invites()) == 30
    assert worker.sandbox.ledger()["duplicates"] == []


def test_envoy_away_defers_without_burning_attempts(worker: WorkerWithSandbox) -> None:
    """What cannot be connected to was not sent: it waits, the connection is held, nothing is unknown."""
    worker.add()
    worker.sandbox.stop()

    report = worker.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert worker.delivery()["status"] == "pending"
    assert worker.delivery()["attempts"] == 0


@pytest.mark.parametrize("sandbox_scopes", [("locations.read", "flows.read", "token.refresh")])
def test_three_403_in_a_row_hold_the_connection(worker: WorkerWithSandbox) -> None:
    """Without a success between them it is the connection's trouble, and no row is rejected for it."""
    for number in range(5):
        worker.add(f"v-{number}")

    worker.push()

    (connection,) = worker.rows("SELECT * FROM connection")
    assert connection["hold_reason"] == "forbidden"
    assert {row["status"] for row in worker.rows("SELECT status FROM delivery")} == {"pending"}


def test_a_dead_grant_stops_its_connection_and_no_other(worker: WorkerWithSandbox) -> None:
    """Its invites stay pending and use up no attempt; the operator is told which command repairs it."""
    worker.add()
    worker.sandbox.revoke("10000")
    worker.sandbox.expire_access_tokens()

    report = worker.push()

    (connection,) = worker.rows("SELECT * FROM connection")
    assert connection["status"] == "needs_authorisation"
    assert ExitCode.NEEDS_AUTHORISATION in report.troubles
    assert worker.delivery()["status"] == "pending"
    assert worker.delivery()["attempts"] == 0


def test_an_expired_token_is_renewed_once_and_the_invites_go_out(worker: WorkerWithSandbox) -> None:
    """A 401 in the middle of a push costs one refresh, no matter who sees it first."""
    for number in range(40):
        worker.add(f"v-{number}")
    worker.sandbox.expire_access_tokens()

    report = worker.push()

    assert report.counts["sent"] == 40
    ledger = worker.sandbox.ledger()
    assert ledger["refreshes"] == 1
    assert ledger["refresh_token_reuse"] == 0
    assert ledger["duplicates"] == []
