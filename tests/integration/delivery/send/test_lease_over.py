"""A claim whose lease is too short for its request by the time of the first byte: nothing is sent."""

import time
from datetime import UTC, datetime

import pytest

from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.errors import NotSent
from worker.failpoints import armed
from worker.invites import Kind


class Clock:
    """A clock that is turned by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


def test_a_claim_lasts_as_long_as_a_whole_request_still_fits_into_its_lease(
    worker: WorkerWithSandbox,
) -> None:
    """Sixty seconds of lease and fifteen of request, and one for the way: to the forty-fourth second."""
    worker.add()
    clock = Clock()
    database = worker.context.database
    (row,) = due_page(database, "acme", after=None, until=datetime.now(UTC), size=9).rows
    claims = Claims(
        database, worker.context.journal, host="h", lease=Lease(60, 15), run_id="run", clock=clock
    )

    claimed = claims.take(row, Call(Kind.CREATE, content_key="k"), "a-1")

    assert claimed is not None
    clock.now += 44
    claimed.require_time()
    clock.now += 0.001
    with pytest.raises(NotSent) as caught:
        claimed.require_time()
    assert caught.value.error_code == "lease_over"


def test_a_claim_that_outlived_its_time_sends_nothing(make_worker: MakeWorker) -> None:
    """A process that was held up between claim and write lets Envoy alone: the row is due again."""
    timeout, spare = 3.0, 0.1
    worker = make_worker(WORKER_PUSH__LEASE_SECONDS=str(timeout + 1 + spare))
    worker.connect()
    worker.add()

    with armed("before_connect", action=lambda: time.sleep(spare)):
        worker.push()

    (attempt,) = worker.attempts()
    assert (attempt["verdict"], attempt["error_code"]) == ("deferred", "lease_over")
    assert worker.sandbox.ledger()["attempts"] == []
    assert (worker.delivery()["status"], worker.delivery()["attempts"]) == ("pending", 0)


def test_the_time_that_counts_is_the_claims_own_clock() -> None:
    """It counts a suspended host, which the database's clock does not know of."""
    claim = Claim("a-1", 1, 1, 1, 1, write_before=5.0, clock=lambda: 5.1)

    with pytest.raises(NotSent):
        claim.require_time()
