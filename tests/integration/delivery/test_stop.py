"""The process is told to end amid its work: what is in flight ends, nothing more is asked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import refresh_directory
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorld
from tests.integration.delivery.doubting import doubt
from tests.integration.delivery.world import World
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


def stopped_after(world: World, route: str, work: Callable[[], Any]) -> int:
    """Do some work, stop when its first request on a route was answered; return how many it made there.

    The second may be on its way by then.
    """
    before = asked(world.sandbox, route)
    world.sandbox.set_faults(Faults(latency_seconds=0.3))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        wait_until(lambda: asked(world.sandbox, route) > before)
        world.context.stop.set()
        running.result()
    return asked(world.sandbox, route) - before


def test_a_look_up_asks_nothing_once_the_process_is_to_end(known_world: World) -> None:
    """It is no look, and made again at its time; by hand the exit code says: come back."""
    world = known_world
    doubt(world, "drop_after_share")
    world.make_looks_due()
    lines = len(world.attempts())

    with armed("before_look_up", action=world.context.stop.set):
        report = world.reconcile()

    assert asked(world.sandbox, INVITES) == 0
    assert (world.delivery()["status"], world.delivery()["look_ups"]) == ("unknown", 0)
    assert (len(world.attempts()), report.troubles) == (lines, {ExitCode.TRY_LATER})


def test_host_look_ups_end_with_the_one_in_flight(make_world: MakeWorld) -> None:
    """The rows behind it wait for the next push, and none is refused for it."""
    world = make_world(WORKER_ENVOY__SCOPES=str(list(ALL_SCOPES)).replace("'", '"'))
    world.connect()
    for number in range(5):
        world.add(f"v-{number}", host_email=f"host-{number}@example.com")

    assert stopped_after(world, EMPLOYEES, world.push) <= 2
    assert world.delivery("v-4")["status"] == "pending"


def test_a_list_ends_with_the_page_in_flight(world: World) -> None:
    """A directory that was read in part is not stored, and no failure is told."""
    for number in range(300):
        world.sandbox.add_location(f"Site {number}")
    flows = asked(world.sandbox, FLOWS)
    before = world.rows("SELECT directory_refreshed_at FROM connection")

    def refresh() -> None:
        report = refresh_directory.run(world.run_context(), max_age=0)
        assert (dict(report.counts), report.troubles) == ({}, {ExitCode.TRY_LATER})

    assert stopped_after(world, LOCATIONS, refresh) <= 2
    assert asked(world.sandbox, FLOWS) == flows
    assert world.rows("SELECT directory_refreshed_at FROM connection") == before


def test_a_code_that_was_not_sent_is_not_sent_again(world: World) -> None:
    """The token endpoint's tries end with the process, as those of all other requests do."""
    world.sandbox.stop()
    world.context.stop.set()

    with capture_logs() as lines, pytest.raises(NotSent):
        world.context.oauth.exchange("some-code", code_verifier=None)

    assert lines == []


def test_another_threads_probe_is_not_waited_for(world: World) -> None:
    """It may take a minute to fail."""
    stop, asking, answered = threading.Event(), threading.Event(), threading.Event()
    outages = Outages(
        world.context.database, world.context.gate.host, hold_seconds=(5, 900), rate_per_second=2
    )

    def slow(_token: str) -> None:
        asking.set()
        answered.wait(60)

    gate = Gate(outages, world.context.holds, slow, stop)
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
