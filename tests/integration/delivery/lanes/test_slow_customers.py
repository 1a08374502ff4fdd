"""Customers whose preparation hangs or comes to nothing: the others are served, and the run ends."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from tests import worker_rows
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.employee_look_ups import LENAS_EMAIL, looks
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.report import Report
from worker.sandbox import Faults, Sandbox
from worker.sandbox.api import Answer, Call
from worker.sandbox.refusals import Refused
from worker.sandbox.state import State

CUSTOMERS = 8
FIRST_COMPANY = 10000
HEALTHY = "z-healthy"  # the last by name, so that all the others come before it
HANGING = 55.0  # seconds; less than an attempt's lease
SETTINGS = {
    "WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": str(HANGING),
    "WORKER_ENVOY__SCOPES": json.dumps(
        ["locations.read", "flows.read", "invites.write", "employees.read", "token.refresh"]
    ),
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of as many companies as there are customers."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=CUSTOMERS + 1) as running:
        yield running


def connected(make_worker: MakeWorker, **settings: str) -> WorkerWithSandbox:
    """Return a worker of several customers and a healthy one."""
    worker = make_worker(**SETTINGS, **settings)
    for number in range(CUSTOMERS):
        worker.connect(f"customer-{number}", company_id=str(FIRST_COMPANY + number))
    worker.connect(HEALTHY, company_id=str(FIRST_COMPANY + CUSTOMERS))
    return worker


def add(worker: WorkerWithSandbox, name: str, number: int, **columns: str) -> None:
    """Give a customer some visits."""
    for key in range(number):
        worker.add(f"{name}-{key}", connection=name, **columns)


def sent(worker: WorkerWithSandbox, name: str) -> int:
    """Return how many visits of a customer were sent."""
    rows = worker.rows("SELECT connection FROM delivery WHERE status = 'sent'")
    return sum(row["connection"] == name for row in rows)


@contextmanager
def pushing(worker: WorkerWithSandbox) -> Iterator[Future[Report]]:
    """Push beside the test; what still hangs at its end is cut off."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(worker.push)
        try:
            yield run
        finally:
            worker.context.stop.set()
            worker.sandbox.stop()


def test_customers_whose_look_ups_hang_keep_no_other_waiting(make_worker: MakeWorker) -> None:
    """However many of them there are, one preparer at least is there for those who need no answer."""
    worker = connected(make_worker)
    for number in range(CUSTOMERS):
        add(worker, f"customer-{number}", 3, host_email="ann@example.com")
    add(worker, HEALTHY, 30)
    worker.sandbox.set_faults(Faults(latency_seconds=HANGING, latency_only="GET /v1/employees"))

    with pushing(worker):
        wait_until(lambda: sent(worker, HEALTHY) == 30)


def test_customers_whose_token_endpoint_hangs_take_no_room_from_others(make_worker: MakeWorker) -> None:
    """Some wait for a token, some are due for a new one: who has a token is served to the end."""
    worker = connected(make_worker, WORKER_PUSH__READY="20")
    for number in range(CUSTOMERS):
        add(worker, f"customer-{number}", 20)
        worker_rows.let_access_tokens_end(worker, f"customer-{number}")
    add(worker, HEALTHY, 60)
    worker.sandbox.set_faults(Faults(token_latency_seconds=HANGING))

    with pushing(worker):
        wait_until(lambda: sent(worker, HEALTHY) == 60)


def test_a_look_up_that_is_refused_a_token_waits_for_the_new_one_and_goes_on(
    make_worker: MakeWorker,
) -> None:
    """No preparer is kept until then, and nothing of the page is left out."""
    worker = connected(make_worker)
    add(worker, "customer-0", 5, host_email=LENAS_EMAIL)
    worker.sandbox.expire_access_tokens()

    report = worker.push()

    assert report.troubles == set()
    assert sent(worker, "customer-0") == 5


def test_a_customer_whose_look_ups_are_refused_every_token_is_given_up(make_worker: MakeWorker) -> None:
    """A second token that is refused as well counts as such; the run ends."""

    def refuse(_state: State, _call: Call) -> Answer:
        raise Refused(HTTPStatus.UNAUTHORIZED, "no")

    worker = connected(make_worker)
    add(worker, HEALTHY, 5, host_email="ann@example.com")
    worker.sandbox.answer(("GET", "/v1/employees"), refuse)

    for _ in range(2):
        worker.push()

    [row] = worker.rows(f"SELECT * FROM connection WHERE name = '{HEALTHY}'")  # noqa: S608
    assert row["hold_reason"] == "unauthorised"


def test_one_doubt_does_not_stop_a_run_that_has_no_more_room(make_worker: MakeWorker) -> None:
    """All that lies ready is put back until a probe was answered, and waits for a look; the run ends."""
    worker = connected(make_worker, WORKER_PUSH__READY="4", WORKER_PUSH__CONCURRENCY="1")
    for number in range(CUSTOMERS):
        add(worker, f"customer-{number}", 3)
    worker.sandbox.set_faults(Faults(error_500_share=1.0, company=str(FIRST_COMPANY)))

    with pushing(worker) as run:
        report = run.result(timeout=60)

    assert report.counts["sent"] == (CUSTOMERS - 1) * 3


def test_a_run_that_is_over_ends_amid_a_page(make_worker: MakeWorker) -> None:
    """What it has not planned yet is planned by the next one, however slowly Envoy answers."""
    worker = connected(make_worker)
    worker.add("v-0", connection="customer-0", host_email=LENAS_EMAIL)
    for number in range(1, 20):
        worker.add(f"v-{number}", connection="customer-0", host_email=f"host-{number}@example.com")
    worker.sandbox.set_faults(Faults(latency_seconds=0.4, latency_only="GET /v1/employees"))

    assert worker.push(limit=1).counts["sent"] == 1

    assert 0 < looks(worker) < 20


def test_customers_whose_refusals_cannot_be_proven_delay_no_hold_of_another(make_worker: MakeWorker) -> None:
    """What is asked after a refusal may hang, for many customers; a 429 of another holds that one at once."""
    worker = connected(make_worker)
    for number in range(CUSTOMERS):
        add(worker, f"customer-{number}", 3)
    worker.sandbox.set_faults(
        Faults(
            refuse_status=404,
            refuse_companies=",".join(str(FIRST_COMPANY + number) for number in range(CUSTOMERS)),
            latency_seconds=HANGING,
            latency_only="GET /v1/locations",
            error_429_share=1.0,
            company=str(FIRST_COMPANY + CUSTOMERS),
            retry_after="120",
        )
    )

    with pushing(worker):
        wait_until(lambda: refused(worker) >= CUSTOMERS)
        add(worker, HEALTHY, 1)
        wait_until(lambda: hold_reason(worker, HEALTHY) == "rate_limited")


def refused(worker: WorkerWithSandbox) -> int:
    """Return how many visits were refused, maybe not by Envoy."""
    return len(worker.rows("SELECT id FROM delivery WHERE refused_at IS NOT NULL"))


def hold_reason(worker: WorkerWithSandbox, name: str) -> str | None:
    """Return why a customer is held."""
    reasons: dict[str, str | None] = {
        row["name"]: row["hold_reason"] for row in worker.rows("SELECT name, hold_reason FROM connection")
    }
    return reasons[name]
