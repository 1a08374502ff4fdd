"""How often in a row an invite was deferred or interrupted, and what follows from it."""

import pytest

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.contested_row import FAR
from tests.integration.delivery.doubtful_creates import doubt
from tests.integration.delivery.two_workers import CrashError
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.clock import boot_clock
from worker.connections.usable.host_outage import Outages
from worker.errors import OutcomeUnknown
from worker.failpoints import armed
from worker.invites import moves, store
from worker.sandbox import Faults

READING = '["locations.read", "flows.read", "invites.write", "invites.read", "token.refresh"]'


@pytest.fixture
def hasty_worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker with an invite that is known to be in Envoy, where one look decides."""
    made = make_worker(WORKER_ENVOY__SCOPES=READING, WORKER_RECONCILE__LOOK_UP_AFTER="[5]")
    made.connect()
    made.add("known")
    made.push()
    return made


def interrupt(worker: WorkerWithSandbox) -> None:
    """Let the process die right before it sends, and the next push find what it left."""

    def die() -> None:
        raise CrashError

    with armed("before_connect", action=die), pytest.raises(CrashError):
        worker.push()
    worker_rows.let_leases_end(worker)
    worker.push()


def test_three_interruptions_in_a_row_set_an_invite_aside(hasty_worker: WorkerWithSandbox) -> None:
    """It may be what ends the process: it was looked up each time, was not there, and goes out no more."""
    worker = hasty_worker
    worker.add()
    seen = []
    for _ in range(3):
        interrupt(worker)
        seen.append((worker.delivery()["status"], worker.delivery()["interruptions"]))
        worker.look_to_the_end()

    assert seen == [("unknown", 1), ("unknown", 2), ("unknown", 3)]
    set_aside = worker.delivery()
    assert (set_aside["status"], set_aside["error_code"]) == ("rejected", "interrupted_repeatedly")
    assert not worker.push().did_something

    moves.retry(worker.context.database, store.require(worker.context.database, "acme/v-1"))
    assert worker.delivery()["interruptions"] == 0
    assert worker.push().counts["sent"] == 1, "a person has repaired what ended the process"


def test_what_ends_otherwise_begins_the_count_of_interruptions_anew(hasty_worker: WorkerWithSandbox) -> None:
    """A success does; a doubt of another kind leaves the count as it is, for nobody knows."""
    worker = hasty_worker
    worker.add()
    interrupt(worker)
    worker.look_to_the_end()
    worker.sandbox.set_faults(Faults(drop_before_share=1.0))
    worker.push()
    doubtful = worker.delivery()["interruptions"]
    worker.sandbox.set_faults(Faults())
    worker.make_due()
    worker.look_to_the_end()
    again = worker.delivery()["interruptions"]
    worker.push()

    assert (doubtful, again) == (1, 1)
    assert (worker.delivery()["status"], worker.delivery()["interruptions"]) == ("sent", 0)


def test_an_interrupted_create_that_a_look_finds_begins_the_count_anew(
    hasty_worker: WorkerWithSandbox,
) -> None:
    """It was not the invite that ended the process: Envoy has it."""
    worker = hasty_worker
    doubt(worker, "drop_after_share")
    worker_rows.count_interruptions(worker, 2, "v-1")
    worker.look_to_the_end()

    assert (worker.delivery()["status"], worker.delivery()["interruptions"]) == ("sent", 0)


def test_each_deferral_in_a_row_makes_the_wait_longer_until_something_else_comes(
    make_worker: MakeWorker,
) -> None:
    """From a second on it doubles; that it was deferred is counted, and a success forgets it."""
    worker = make_worker(WORKER_PUSH__BACKOFF_SECONDS="[1, 1000000000]")
    worker.connect()
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    worker.sandbox.set_faults(Faults(error_500_share=1.0))
    counted = []
    for _ in range(2):
        worker.make_due()
        worker.push()
        counted.append(worker.delivery()["deferrals"])
    first = worker.wait()
    worker_rows.set_delivery(worker, deferrals=28)
    worker.make_due()
    worker.push()

    assert counted == [1, 2]
    assert first <= 2 + 1
    assert worker.wait() > 4, "its ceiling is eight years, and jitter reaches all of it"
    worker.sandbox.set_faults(Faults())
    worker.make_due()
    worker.push()
    assert (worker.delivery()["status"], worker.delivery()["deferrals"]) == ("sent", 0)


def test_a_request_that_does_not_fit_into_the_rest_of_its_lease_is_not_sent(make_worker: MakeWorker) -> None:
    """A slow host: somebody else may take the row for abandoned, so that not one byte goes out."""
    worker = make_worker(WORKER_PUSH__REQUEST_TIMEOUT_SECONDS="1", WORKER_PUSH__LEASE_SECONDS="2.1")
    worker.connect()
    worker.add()

    def take_long() -> None:
        until = boot_clock() + 0.2
        wait_until(lambda: boot_clock() > until)

    with armed("before_connect", action=take_long):
        worker.push()

    (line,) = worker.attempts()
    assert (line["verdict"], line["error_code"]) == ("deferred", "lease_over")
    assert worker.sandbox.ledger()["attempts"] == []
    assert (worker.delivery()["status"], worker.delivery()["attempts"]) == ("pending", 0)
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]
    assert worker.push().counts["sent"] == 1


def test_a_row_that_is_not_ours_to_send_does_not_count_for_the_limit(worker: WorkerWithSandbox) -> None:
    """One is to be sent, and one is: the first has changed in the moment of its claim, so the next goes."""
    worker.add("v-1")
    worker.add("v-2")
    change = "UPDATE invite SET notes = 'x' WHERE external_id = 'v-1'"

    with armed("before_claim", action=lambda: worker.execute(change)):
        assert worker.push(limit=1).counts["sent"] == 1

    assert len(worker.sandbox.invites()) == 1


def test_rows_of_a_connection_that_is_not_there_are_not_written_by_each_push(
    worker: WorkerWithSandbox,
) -> None:
    """Where there may be a hundred thousand of them, whatever their time; nobody could send them."""
    worker.add("v-1", connection="nowhere")
    worker.push()
    worker_rows.put_off(worker, FAR)
    before = worker.delivery()

    worker.push()

    assert worker.delivery() == before


def test_a_hold_further_ahead_than_any_hold_is_over(worker: WorkerWithSandbox) -> None:
    """A clock that was wrong does not keep a customer's invites away for years."""
    worker.add()
    worker_rows.hold(worker, "rate_limited", FAR)

    assert worker.push().counts["sent"] == 1


def test_an_outage_holds_no_connection_whose_grant_is_dead(worker: WorkerWithSandbox) -> None:
    """It would be shown as held, though only a new consent helps it; neither is one that was removed."""
    worker_rows.add_connection_like_it(worker, "dead", status="needs_authorisation")
    gate = worker.context.gate
    outages = Outages(worker.context.database, gate.host, hold_seconds=(5, 900), rate_per_second=2)

    outages.hold(gate.seen(), OutcomeUnknown())

    held = "SELECT name, hold_reason FROM connection ORDER BY name"
    assert worker.rows(held) == [
        {"name": "acme", "hold_reason": "outage"},
        {"name": "dead", "hold_reason": None},
    ]
