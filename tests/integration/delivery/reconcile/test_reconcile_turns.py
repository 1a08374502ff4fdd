"""Whose look it is, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import worker_rows
from tests.integration.delivery.doubtful_creates import ARRIVAL, doubt, text_of
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.backoff import BackOff
from worker.connections.scopes import readers
from worker.delivery.preview import Fate, preview
from worker.delivery.reconcile.decision import Decision, Schedule
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.unknown_rows import due_doubts
from worker.invites import Status, Verdict


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


def test_no_look_is_made_before_its_time(worker: WorkerWithSandbox) -> None:
    """Envoy may show an invite late: the first look comes after seconds, and each has its time."""
    doubt(worker, "drop_before_share")

    assert worker.reconcile().counts["looked_up"] == 0

    worker.make_looks_due()
    worker.reconcile()
    assert worker.reconcile().counts["looked_up"] == 0
    assert worker.delivery()["look_ups"] == 1


def test_two_processes_make_each_look_once(worker: WorkerWithSandbox) -> None:
    """The look is taken before it is made; the other process finds nothing to do."""
    doubt(worker, "drop_before_share")
    worker.make_looks_due()
    doubts = due(worker)

    taken = [look_ups(worker).take(doubts[0]) for _ in range(2)]

    assert (taken[0] is None, taken[1] is None) == (False, True)


def due(worker: WorkerWithSandbox) -> Any:
    """Return the doubts that are due."""
    return due_doubts(worker.context.database, only=None, excluded=(), longest_wait=600, size=9)


def look_ups(worker: WorkerWithSandbox) -> Any:
    """Return what takes looks."""
    return LookUps(worker.context.database, Schedule([5.0, 30.0]), back_off=BackOff(5, 900), run_id="run-1")


def test_one_customers_doubts_do_not_wait_for_anothers(worker: WorkerWithSandbox) -> None:
    """Due doubts come in turn from each connection."""
    worker_rows.add_connection(worker, "beta", status="active", scopes="invites.read")
    worker.add("a-1", expected_arrival_at=ARRIVAL.isoformat())
    worker.add("a-2", expected_arrival_at=ARRIVAL.isoformat())
    worker.add("b-1", connection="beta", expected_arrival_at=ARRIVAL.isoformat())
    for key in ("a-1", "a-2", "b-1"):
        worker_rows.add_attempt(worker, key, key)
        worker_rows.leave_in_doubt(worker, key, key)
    worker.make_looks_due()

    order = [doubt.external_id for doubt in due(worker)]

    assert (order[0:2] in (["a-1", "b-1"], ["b-1", "a-1"]), order[2]) == (True, "a-2")


def test_a_dry_run_names_what_would_be_looked_up(worker: WorkerWithSandbox) -> None:
    """And makes no look."""
    doubt(worker, "drop_before_share")
    early = list(preview(worker.context.database, only=None, limit=None, longest_wait=600))
    worker.make_looks_due()

    fates = list(preview(worker.context.database, only=None, limit=None, longest_wait=600))

    assert early == []
    assert fates == [Fate("acme", "v-1", "look_up", "connection_lost")]
    assert worker.delivery()["look_ups"] == 0


def test_a_look_that_a_wrong_clock_put_far_ahead_is_due(worker: WorkerWithSandbox) -> None:
    """No look is ever put off by more than ten minutes, so that one in two hours is no look to wait for."""
    doubt(worker, "drop_after_share")
    ahead = text_of(datetime.now(UTC) + timedelta(hours=2))
    worker_rows.put_off_looks(worker, ahead)

    assert worker.reconcile().counts["sent"] == 1


def test_a_look_that_began_before_the_doubt_began_anew_settles_nothing(worker: WorkerWithSandbox) -> None:
    """A late answer, doubtful too, came in between: what was listed before it says nothing."""
    doubt(worker, "drop_before_share")
    worker.make_looks_due()
    (seen,) = due(worker)
    began = look_ups(worker).take(seen)
    worker_rows.doubt_since(worker, worker.delivery()["next_attempt_at"])

    absent = Decision(Status.PENDING, Verdict.DEFERRED, detail="nothing found")

    assert not look_ups(worker).record(seen, absent, began=began)
    assert worker.delivery()["status"] == "unknown"


def test_a_removed_connection_looks_nothing_up(worker: WorkerWithSandbox) -> None:
    """Its tokens are wiped: what is unknown waits for a person, and is said to."""
    assert readers(worker.context.database) == {"acme"}

    worker_rows.remove_connection(worker)

    assert readers(worker.context.database) == set()
