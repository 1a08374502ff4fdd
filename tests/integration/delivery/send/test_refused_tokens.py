"""An access token that Envoy refuses: what it costs, however many requests meet it."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.employee_look_ups import LENA, WITH_EMPLOYEES
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections.vault import new_key
from worker.sandbox import Faults, Sandbox
from worker.sandbox.refusals import Refused

KEY = new_key()


def holds(worker: WorkerWithSandbox) -> list[Any]:
    """Return what connections are held for."""
    return [row["hold_reason"] for row in worker.rows("SELECT hold_reason FROM connection")]


def test_a_wave_of_401_in_two_processes_is_one_refusal(make_worker: MakeWorker, sandbox: Sandbox) -> None:
    """Envoy ends a young token while both have all their senders at work: one refresh, and all is sent."""
    worker, other = (make_worker(WORKER_ENCRYPTION_KEYS=KEY) for _ in range(2))
    worker.connect()
    for number in range(32):
        worker.add(f"v-{number}")
    sandbox.set_faults(Faults(latency_seconds=0.2))
    sandbox.expire_access_tokens()

    with capture_logs() as events, ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(one.push) for one in (worker, other)]:
            run.result(60)
    worker.push()

    assert holds(worker) == [None]
    assert [event for event in events if event["event"] == "connection.held"] == []
    assert {row["status"] for row in worker.rows("SELECT status FROM delivery")} == {"sent"}
    assert sandbox.ledger()["refreshes"] == 1


def refuse(*_: object) -> NoReturn:
    """Answer that the token is not accepted."""
    raise Refused(HTTPStatus.UNAUTHORIZED, "unauthorized")


@pytest.fixture
def sandbox_scopes() -> tuple[str, ...]:
    """Let employees be looked up."""
    return ALL_SCOPES


def test_looks_that_meet_refused_tokens_hold_the_connection(
    make_worker: MakeWorker, sandbox: Sandbox
) -> None:
    """An invite whose host cannot be looked up is never claimed: without a hold each pass spent a refresh."""
    worker = make_worker(WORKER_ENVOY__SCOPES=WITH_EMPLOYEES)
    worker.connect()
    worker.add(host_employee_id=LENA)
    sandbox.answer(("GET", "/v1/employees/{id}"), refuse)

    for _ in range(6):
        worker.push()

    assert holds(worker) == ["unauthorised"]
    assert sandbox.ledger()["refreshes"] == 2
    assert worker.delivery()["status"] == "pending"


def test_look_ups_together_that_are_refused_with_one_token_count_once(
    reading_worker: WorkerWithSandbox,
) -> None:
    """Each asks with the token and with its successor; the successor is one token, however many asked."""
    worker = reading_worker
    worker.sandbox.set_faults(Faults(no_id_share=1.0, latency_seconds=0.2))
    for number in range(8):
        worker.add(f"v-{number}")
    worker.push()
    assert len(worker.rows("SELECT id FROM delivery WHERE status = 'unknown'")) > 1
    worker.sandbox.set_faults(Faults())
    worker.let_holds_end()
    worker.make_looks_due()
    worker_rows.forget_holds(worker)
    worker.sandbox.answer(("GET", "/v1/invites"), refuse)

    worker.reconcile()
    (after_one,) = worker.rows("SELECT token_version, unauthorised_count FROM connection")
    worker.make_looks_due()
    worker.reconcile()

    # A look that begins late finds the successor, and so the next one: as many as there were, and no more.
    assert after_one["unauthorised_count"] <= after_one["token_version"] - 1
    assert holds(worker) == ["unauthorised"]
