"""Without faults: Envoy comes to what the rows say, with no more calls than changes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import worker_rows
from tests.integration.delivery import invariants
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.strategies import CHANGES, MOST_VISITS
from tests.integration.delivery.two_workers import arrival
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox

# One visit after the other is written to, several times perhaps, and then there is a push.
WRITES = st.lists(st.tuples(st.integers(0, MOST_VISITS - 1), CHANGES), min_size=1, max_size=4)
ROUNDS = st.lists(WRITES, min_size=1, max_size=6)


def write(worker: WorkerWithSandbox, key: str, columns: dict[str, Any]) -> None:
    """Insert the visit or change it, as a caller does who does not know whether it is there."""
    if worker.rows(f"SELECT 1 FROM invite WHERE external_id = '{key}'"):  # noqa: S608
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        worker.execute(f"UPDATE invite SET {assigned} WHERE external_id = :key", key=key, **columns)  # noqa: S608
    else:
        worker.add(key, **{"expected_arrival_at": arrival(0), **columns})


def begin_anew(worker: WorkerWithSandbox) -> None:
    """Let there be nothing, neither here nor in Envoy."""
    for invite in worker.sandbox.invites():
        worker.sandbox.delete_invite(invite["id"])
    worker_rows.forget_attempts(worker)
    worker_rows.lose_delivery(worker)
    worker.execute("DELETE FROM invite")


def calls(worker: WorkerWithSandbox) -> int:
    """Return how many writes Envoy has received."""
    return len(worker.sandbox.ledger()["attempts"])


def play(worker: WorkerWithSandbox, rounds: list[list[tuple[int, dict[str, Any]]]]) -> None:
    """Write and push in turn, and judge after each push."""
    for writes in rounds:
        before = calls(worker)
        for number, columns in writes:
            write(worker, f"v-{number}", columns)
        worker.push()
        invariants.envoy_has_what_is_wanted(worker)
        touched = {number for number, _ in writes}
        assert calls(worker) - before <= len(touched), "several changes before a push are one call"
        unsettled = "SELECT 1 FROM delivery WHERE status NOT IN ('sent', 'withdrawn')"
        assert not worker.rows(unsettled)
    before = calls(worker)
    worker.push()
    assert calls(worker) == before, "what Envoy has needs no call"


@pytest.fixture
def lasting_worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a connected worker that serves all examples."""
    worker = make_worker()
    worker.connect()
    return worker


def test_changes_in_any_order_come_to_what_is_wanted(lasting_worker: WorkerWithSandbox) -> None:
    """Creates, changes of any column, withdrawals and returns, in any order between pushes."""

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(rounds=ROUNDS)
    def any_order(rounds: list[list[tuple[int, dict[str, Any]]]]) -> None:
        begin_anew(lasting_worker)
        play(lasting_worker, rounds)

    any_order()
