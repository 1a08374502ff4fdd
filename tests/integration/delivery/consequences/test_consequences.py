"""What a connection feels of an answer that it does not get twice a day."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.delivery.store import unstored
from worker.errors import ExitCode
from worker.failpoints import armed
from worker.sandbox import Faults

READING_ONLY = ("locations.read", "flows.read", "token.refresh")
WRITING = (*READING_ONLY, "invites.write")


def take_rights(worker: WorkerWithSandbox, *scopes: str) -> None:
    """Let the customer's newest token have these rights, as after a change of roles in Envoy."""
    token = worker.sandbox.grant(scopes=scopes)["access_token"]
    sealed = worker.context.vault.seal(token, connection_id=1, field="access")
    worker_rows.store_tokens(worker, access=sealed)


def hold(worker: WorkerWithSandbox) -> tuple[str, str | None]:
    """Return how the connection stands."""
    (row,) = worker.rows("SELECT status, hold_reason FROM connection")
    return row["status"], row["hold_reason"]


def test_a_fault_of_our_own_amid_a_request_leaves_its_invite_in_doubt_and_no_other(
    worker: WorkerWithSandbox,
) -> None:
    """Whatever it was, the request may have gone out; its text is not told, it may hold a visitor's data."""
    for name in ("v-1", "v-2"):
        worker.add(name)

    def stumble() -> None:
        raise ZeroDivisionError("canary")

    with armed("after_bytes_written", action=stumble), capture_logs() as lines:
        report = worker.push()

    assert (report.counts["sent"], report.counts["unknown"]) == (1, 1)
    (doubtful,) = (row for row in worker.rows("SELECT * FROM delivery") if row["status"] == "unknown")
    assert doubtful["error_code"] == "unexpected"
    assert "ZeroDivisionError" in doubtful["error_detail"]
    assert "canary" not in repr((lines, doubtful))
    assert worker.rows("SELECT * FROM host") == [], "it says nothing about Envoy"


def test_an_invite_that_is_forbidden_twice_though_others_go_through_is_rejected(
    worker: WorkerWithSandbox,
) -> None:
    """Then it is not the connection's right that is missing."""
    worker.add("v-1")
    take_rights(worker, *READING_ONLY)
    worker.push(limit=1)
    first = worker.delivery("v-1")["status"]
    take_rights(worker, *WRITING)
    worker.add("v-2")
    worker.push()
    worker.make_due()
    take_rights(worker, *READING_ONLY)

    with capture_logs() as lines:
        worker.push(limit=1)

    assert (first, worker.delivery("v-2")["status"]) == ("pending", "sent")
    assert (worker.delivery("v-1")["status"], worker.delivery("v-1")["error_code"]) == (
        "rejected",
        "forbidden",
    )
    assert [line["log_level"] for line in lines if line["event"] == "invite.rejected"] == ["error"]


def test_an_invite_that_is_forbidden_twice_while_nothing_goes_through_waits(
    worker: WorkerWithSandbox,
) -> None:
    """The right may be given back: it is the connection's trouble."""
    worker.add("v-1")
    take_rights(worker, *READING_ONLY)
    for _ in range(2):
        worker.push(limit=1)
        worker.make_due()

    assert worker.delivery("v-1")["status"] == "pending"


def test_a_second_401_to_a_young_token_holds_the_connection(worker: WorkerWithSandbox) -> None:
    """A new token was no help: Envoy refuses the newest one, too, and no more are asked for."""
    worker.add()
    for _ in range(2):
        with armed("before_connect", action=worker.sandbox.expire_access_tokens):
            report = worker.push(limit=1)

    assert hold(worker) == ("active", "unauthorised")
    assert worker.sandbox.ledger()["refreshes"] == 1
    assert ExitCode.TRY_LATER in report.troubles
    assert (worker.delivery()["status"], worker.delivery()["attempts"]) == ("pending", 0)
    worker.make_due()
    assert worker.push().counts["sent"] == 1


def test_a_grant_that_ends_amid_a_push_is_found_dead_by_the_401(worker: WorkerWithSandbox) -> None:
    """The refresh after it is refused: the operator is told once, and the invites wait unharmed."""
    for name in ("v-1", "v-2"):
        worker.add(name)

    with armed("before_connect", action=worker.sandbox.revoke), capture_logs() as lines:
        report = worker.push()

    assert hold(worker) == ("needs_authorisation", None), "only a new consent helps, no time"
    assert ExitCode.NEEDS_AUTHORISATION in report.troubles
    assert [line["event"] for line in lines].count("connection.needs_authorisation") == 1
    assert worker.rows("SELECT DISTINCT status, attempts FROM delivery") == [
        {"status": "pending", "attempts": 0}
    ]


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_a_401_whose_refresh_fails_holds_the_connection(worker: WorkerWithSandbox, error: str) -> None:
    """The old token is refused, and no new one can be had: the next run would only be refused again."""
    worker.add()

    def end_tokens() -> None:
        worker.sandbox.expire_access_tokens()
        worker.sandbox.set_faults(Faults(token_error=error))

    with armed("before_connect", action=end_tokens):
        worker.push()

    assert hold(worker) == ("active", "outage")
    assert (worker.delivery()["status"], worker.delivery()["attempts"]) == ("pending", 0)


def test_what_follows_from_an_attempt_counts_as_under_way(worker: WorkerWithSandbox) -> None:
    """A probe that has to be cut off at the end of the process is told as a request that was."""
    worker.add()
    worker.sandbox.set_faults(Faults(error_500_share=1.0, latency_seconds=1.0, only="POST /v1/invites"))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.push)
        wait_until(lambda: worker.delivery()["status"] == "unknown")
        wait_until(lambda: unstored.in_progress() == 1 or running.done())

        assert not running.done(), "Envoy was asked, and nobody was told so"
