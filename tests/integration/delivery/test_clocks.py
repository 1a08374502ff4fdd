"""The clock was put back since a wait began: nothing waits for as long as the step."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from jobs import keep_tokens_fresh, refresh_directory
from tests import worker_rows
from tests.integration.delivery.conftest import READING_SCOPES
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.clock import WallClock
from worker.connections.usable.refusing import Refusing
from worker.delivery.consequences.refused_alike import Alike
from worker.errors import NotSent
from worker.sandbox import Faults, Sandbox

STEP = timedelta(minutes=10)  # less than the most that a back-off, a look or a hold may take
THROTTLED = Faults(error_429_share=1.0, only="")
LOST = Faults(drop_after_share=1.0)


@pytest.fixture
def shift() -> list[timedelta]:
    """Say by how much the database's clock is ahead; a test changes it."""
    return [timedelta()]


@pytest.fixture
def worker(database_url: str, sandbox: Sandbox, shift: list[timedelta]) -> Iterator[WorkerWithSandbox]:
    """Give a worker of one customer, whose database's clock is turned by hand."""
    scopes = {"WORKER_ENVOY__SCOPES": json.dumps(READING_SCOPES)}
    made = WorkerWithSandbox(database_url, sandbox, lambda: datetime.now(UTC) + shift[0], **scopes)
    made.connect()
    yield made
    made.context.__exit__(None, None, None)


def test_a_row_that_was_never_tried_does_not_wait(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """A caller wrote it a moment before the step."""
    worker.add()
    shift[0] -= STEP

    assert worker.push().counts["sent"] == 1


def test_a_row_that_was_deferred_waits_no_longer_than_it_was_to(
    worker: WorkerWithSandbox, shift: list[timedelta]
) -> None:
    """Its wait began ahead of now, and so did its connection's hold."""
    worker.sandbox.set_faults(THROTTLED)
    worker.add()
    worker.push()
    worker.sandbox.set_faults(Faults())
    assert worker.push().counts["sent"] == 0, "it is held"
    shift[0] -= STEP

    assert worker.push().counts["sent"] == 1


def test_a_visit_is_over_for_as_long_only_as_the_clock_says_so(
    worker: WorkerWithSandbox, shift: list[timedelta]
) -> None:
    """It was taken for over, and never was; nobody needs to touch it."""
    shift[0] = timedelta(days=365)
    worker.add()
    assert worker.push().counts["expired"] == 1
    shift[0] = timedelta()

    assert worker.push().counts["sent"] == 1


def test_a_look_waits_no_longer_than_it_was_to(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """Of an invite that Envoy has, and whose answer was lost."""
    worker.sandbox.set_faults(LOST)
    worker.add()
    assert worker.push().counts["unknown"] == 1
    worker.sandbox.set_faults(Faults())
    assert worker.reconcile().counts["looked_up"] == 0, "it is looked up later"
    shift[0] -= timedelta(minutes=1)

    assert worker.reconcile().counts["looked_up"] == 1


def test_our_own_invite_is_known_though_the_clock_was_set(
    worker: WorkerWithSandbox, shift: list[timedelta]
) -> None:
    """It seems older than its attempt, to a process that was started since, too: nobody saw the step."""
    worker.sandbox.set_faults(LOST)
    worker.add()
    assert worker.push().counts["unknown"] == 1
    worker.sandbox.set_faults(Faults())
    shift[0] -= STEP

    assert worker.reconcile().counts["sent"] == 1


@pytest.mark.parametrize("by", [timedelta(days=1), timedelta(days=-1)], ids=["ahead", "back"])
def test_what_is_on_its_way_is_not_given_up(
    worker: WorkerWithSandbox, shift: list[timedelta], by: timedelta
) -> None:
    """By a clock that jumped its lease is over, or ends later than any can; a second worker looks."""
    worker.context.wall_clock = WallClock(lambda: datetime.now(UTC) + shift[0])
    worker.sandbox.set_faults(Faults(latency_seconds=1.0, only="POST /v1/invites"))
    worker.add()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(worker.push)
        wait_until(lambda: worker.sandbox.ledger()["in_flight"] > 0)
        shift[0] += by
        second = worker.push()

        assert second.counts["unknown"] == second.counts["sent"] == 0
        assert first.result().counts["sent"] == 1


def test_what_waits_for_a_person_waits_on(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """It has no time to wait for, whenever it was written."""
    worker.sandbox.set_faults(LOST)
    worker.add()
    worker.push()
    worker_rows.put_off(worker, None)
    shift[0] -= STEP

    assert worker.reconcile().counts["looked_up"] == 0


def test_a_host_that_did_not_answer_is_asked_again(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """Anyone who waited for the end of its hold waited by a clock that was ahead."""
    gate = worker.context.gate
    gate._outages.hold(gate.seen(), NotSent("no answer", error_code="connect_failed"))
    worker.add()
    assert worker.push().counts["sent"] == 0, "it is held"
    shift[0] -= STEP

    assert worker.push().counts["sent"] == 1


def test_a_host_that_refused_all_is_tried_again(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """One request goes through, and that ends it."""
    database = worker.context.database
    with database.write() as writer:
        Refusing(database, worker.context.gate.host, hold_seconds=(5, 900)).hold(writer, "422:a")
    worker.add()
    assert worker.push().counts["sent"] == 0, "it is held"
    shift[0] -= STEP

    assert worker.push().counts["sent"] == 1


def test_a_refresh_that_failed_is_tried_again(worker: WorkerWithSandbox, shift: list[timedelta]) -> None:
    """Its cool-down of some seconds or minutes began ahead of now."""
    worker.sandbox.expire_access_tokens()
    worker.sandbox.set_faults(Faults(token_error="temporarily_unavailable"))
    worker.add()
    worker.push()
    worker.sandbox.set_faults(Faults())
    assert worker.sandbox.ledger()["refreshes"] == 0
    worker_rows.end_holds(worker)
    shift[0] -= STEP

    assert worker.push().counts["sent"] == 1


@pytest.mark.parametrize("job", [refresh_directory.run, keep_tokens_fresh.run], ids=["directory", "grant"])
def test_what_was_done_by_a_clock_ahead_is_done_again(
    worker: WorkerWithSandbox, shift: list[timedelta], job: Callable[..., object]
) -> None:
    """A directory that was read, a grant that was refreshed next year: nobody knows how long ago that was."""
    shift[0] = timedelta(days=365)
    worker.connect()
    shift[0] = timedelta()

    report = job(worker.run_context())

    assert report.counts == {"refreshed": 1}  # type: ignore[attr-defined]


def test_a_success_that_lies_ahead_hides_no_refusal(
    worker: WorkerWithSandbox, shift: list[timedelta]
) -> None:
    """Whether everyone is refused alike is judged by what was tried since, not by next year's success."""
    shift[0] = timedelta(days=365)
    worker.add(expected_arrival_at="2035-05-01T10:00:00Z")
    assert worker.push().counts["sent"] == 1
    shift[0] = timedelta()
    database = worker.context.database

    since, _ = Alike(database, Refusing(database, "host", hold_seconds=(5, 900)))._known()

    assert since is None
