"""The process is told to end amid its work: what is in flight ends, nothing more is asked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import refresh_directory
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.doubtful_creates import doubt
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.connections.usable.gate import Gate
from worker.connections.usable.host_outage import Outages
from worker.errors import ExitCode, NotSent, OutcomeUnknown, TryLater
from worker.failpoints import armed
from worker.sandbox import Faults, Sandbox

LOCATIONS, FLOWS = "GET /v1/locations", "GET /v1/flows"
INVITES, EMPLOYEES = "GET /v1/invites", "GET /v1/employees"


def asked(sandbox: Sandbox, route: str) -> int:
    """Return how often the sandbox was asked for something."""
    return sum(sandbox.ledger()["by_route"].get(route, {}).values())


def stopped_after(worker: WorkerWithSandbox, route: str, work: Callable[[], Any]) -> int:
    """Do some work, stop when its first request on a route was answered; return how many it made there.

    The second may be on its way by then.
    """
    before = asked(worker.sandbox, route)
    worker.sandbox.set_faults(Faults(latency_seconds=0.3))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        wait_until(lambda: asked(worker.sandbox, route) > before)
        worker.context.stop.set()
        running.result()
    return asked(worker.sandbox, route) - before


def test_a_look_up_asks_nothing_once_the_process_is_to_end(worker_with_invite: WorkerWithSandbox) -> None:
    """It is no look, and made again at its time; by hand the exit code says: come back."""
    worker = worker_with_invite
    doubt(worker, "drop_after_share")
    worker.make_looks_due()
    lines = len(worker.attempts())

    with armed("before_look_up", action=worker.context.stop.set):
        report = worker.reconcile()

    assert asked(worker.sandbox, INVITES) == 0
    assert (worker.delivery()["status"], worker.delivery()["look_ups"]) == ("unknown", 0)
    assert (len(worker.attempts()), report.troubles) == (lines, {ExitCode.TRY_LATER})


def test_host_look_ups_end_with_the_one_in_flight(make_worker: MakeWorker) -> None:
    """The rows behind it wait for the next push, and none is refused for it."""
    worker = make_worker(WORKER_ENVOY__SCOPES=str(list(ALL_SCOPES)).replace("'", '"'))
    worker.connect()
    for number in range(5):
        worker.add(f"v-{number}", host_email=f"host-{number}@example.com")

    assert stopped_after(worker, EMPLOYEES, worker.push) <= 2
    assert worker.delivery("v-4")["status"] == "pending"


def test_a_list_ends_with_the_page_in_flight(worker: WorkerWithSandbox) -> None:
    """A directory that was read in part is not stored, and no failure is told."""
    for number in range(300):
        worker.sandbox.add_location(f"Site {number}")
    flows = asked(worker.sandbox, FLOWS)
    before = worker.rows("SELECT directory_refreshed_at FROM connection")

    def refresh() -> None:
        report = refresh_directory.run(worker.run_context(), max_age=0)
        assert (dict(report.counts), report.troubles) == ({}, {ExitCode.TRY_LATER})

    assert stopped_after(worker, LOCATIONS, refresh) <= 2
    assert asked(worker.sandbox, FLOWS) == flows
    assert worker.rows("SELECT directory_refreshed_at FROM connection") == before


def test_a_code_that_was_not_sent_is_not_sent_again(worker: WorkerWithSandbox) -> None:
    """The token endpoint's tries end with the process, as those of all other requests do."""
    worker.sandbox.stop()
    worker.context.stop.set()

    with capture_logs() as lines, pytest.raises(NotSent):
        worker.context.oauth.exchange("some-code", code_verifier=None)

    assert lines == []


def test_another_threads_probe_is_not_waited_for(worker: WorkerWithSandbox) -> None:
    """It may take a minute to fail."""
    stop, asking, answered = threading.Event(), threading.Event(), threading.Event()
    outages = Outages(
        worker.context.database, worker.context.gate.host, hold_seconds=(5, 900), rate_per_second=2
    )

    def slow(_token: str) -> None:
        asking.set()
        answered.wait(60)

    gate = Gate(outages, worker.context.holds, slow, stop)
    gate.note(OutcomeUnknown())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(gate.require, 1, lambda: "token")
        assert asking.wait(60)
        second = pool.submit(gate.require, 1, lambda: "token")
        stop.set()
        with pytest.raises(TryLater):
            second.result(timeout=30)
        answered.set()
        first.result()
