"""One trouble stays small: an outage, an odd row, a caller's open transaction, a wrong key."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections.vault import Vault, new_key
from worker.database import Database
from worker.errors import ExitCode
from worker.runs.lease import job_lease
from worker.sandbox import Faults


def test_an_outage_of_5xx_does_not_put_the_whole_queue_in_doubt(worker: WorkerWithSandbox) -> None:
    """After the second in a row the connection is held: no more are in doubt than were in flight."""
    for number in range(60):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(Faults(error_500_share=1.0))

    report = worker.push()

    assert 2 <= report.counts["unknown"] <= 10
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": "outage"}]


@pytest.mark.parametrize("value", ['{"n": ' + "9" * 5000 + "}", '{"a": ' + "[" * 900 + "]" * 900 + "}"])
def test_an_odd_row_is_rejected_and_keeps_no_other_from_going_out(
    worker: WorkerWithSandbox, value: str
) -> None:
    """What the database holds and Python cannot read is that row's trouble."""
    literal = "CAST(:value AS jsonb)" if not worker.context.database.is_sqlite else ":value"
    worker.add("odd")
    worker.add("good")
    worker.execute(f"UPDATE invite SET custom_fields = {literal} WHERE external_id = 'odd'", value=value)  # noqa: S608

    worker.push()

    assert worker.delivery("good")["status"] == "sent"
    assert worker.delivery("odd")["status"] in {"rejected", "sent"}


def test_an_id_that_another_invite_has_leaves_the_second_in_doubt(worker: WorkerWithSandbox) -> None:
    """Should Envoy ever answer with a known id, the verdict is kept and the others go on."""
    worker.add("one")
    worker.push()
    worker.add("two")
    worker.add("three")
    worker_rows.set_delivery(worker, "one", envoy_invite_id="40000002")

    report = worker.push()

    doubtful = [row for row in worker.rows("SELECT * FROM delivery") if row["status"] == "unknown"]
    assert [row["error_code"] for row in doubtful] == ["id_taken"]
    assert report.counts["sent"] == 2
    assert {attempt["verdict"] for attempt in worker.attempts()} == {"sent", "unknown"}


def test_a_token_that_no_key_opens_stops_its_own_connection_only(worker: WorkerWithSandbox) -> None:
    """The operator is told, exit 77; the other customers' invites go out."""
    worker_rows.call_connection(worker, "other")
    stranger = Vault(new_key())
    sealed = {field: stranger.seal("token", connection_id=1, field=field) for field in ("access", "refresh")}
    worker_rows.store_tokens(worker, **sealed)
    worker.connect("acme")
    worker.add("v-1")
    worker.add("v-2", connection="other")

    first, second = worker.push(), worker.push()

    assert [report.troubles for report in (first, second)] == [{ExitCode.NEEDS_AUTHORISATION}] * 2
    assert worker.delivery("v-1")["status"] == "sent"
    assert (worker.delivery("v-2")["status"], worker.delivery("v-2")["attempts"]) == ("pending", 0)
    held = worker.rows("SELECT name, hold_reason FROM connection WHERE hold_reason IS NOT NULL")
    assert held == [{"name": "other", "hold_reason": "damaged_token"}]


def test_of_two_that_take_a_job_lease_at_once_one_gets_it(database: Database) -> None:
    """However their transactions overlap, a lease that was just taken is not mistaken for a wrong clock."""
    with_lease = []
    for _ in range(15):
        start, held = threading.Barrier(2), threading.Barrier(2)

        def take(start: threading.Barrier, held: threading.Barrier) -> bool:
            start.wait(10)
            with job_lease(database, "x") as ours:
                held.wait(10)
                return ours

        with ThreadPoolExecutor(2) as pool:
            takers = [pool.submit(take, start, held) for _ in range(2)]
            with_lease.append(sum(taker.result() for taker in takers))

    assert with_lease == [1] * 15
