"""Envoy is down: few invites in doubt, no attempt used up, one probe at a time, and all goes on by itself."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.interrupted_attempts import DEAD
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.clock import to_millisecond
from worker.connections import store
from worker.connections.usable.gate import Gate
from worker.connections.usable.host_outage import Outages
from worker.connections.vault import new_key
from worker.database.owner import this_process
from worker.errors import ExitCode, OutcomeUnknown
from worker.failpoints import armed
from worker.sandbox import Faults

SENDERS = 8
READS_OF_A_PROBE = 3
WITNESSES = 2  # of the two connections, both must have been asked with
PAST = "2020-01-01T00:00:00.000Z"
FAR = "2099-01-01T00:00:00.000Z"

OUTAGES: dict[str, Callable[[WorkerWithSandbox], None]] = {
    "drop": lambda worker: worker.sandbox.set_faults(Faults(outage="drop")),
    "503": lambda worker: worker.sandbox.set_faults(Faults(outage="503")),
    "stopped": lambda worker: worker.sandbox.stop(),
}


def end_outage(worker: WorkerWithSandbox) -> None:
    """Let Envoy answer again, whatever the outage was."""
    worker.sandbox.set_faults(Faults())
    worker.sandbox.stop()
    worker.sandbox.start()


def two_connections(worker: WorkerWithSandbox, rows: int) -> None:
    """Connect a second customer, and give both something to do."""
    worker_rows.call_connection(worker, "other")
    worker.connect("acme")
    for number in range(rows):
        worker.add(f"v-{number}")
        worker.add(f"o-{number}", connection="other")


def store_outage(worker: WorkerWithSandbox, held_until: str, **columns: str) -> None:
    """Leave an outage behind as another process would."""
    worker_rows.add_host(worker, worker.context.gate.host, hold_count=1, held_until=held_until, **columns)
    worker_rows.hold(worker, "outage", held_until)


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_holds_all_connections_of_the_host_and_ends_by_itself(
    worker: WorkerWithSandbox, kind: str
) -> None:
    """Two probes decide, one line tells, the rows wait without an attempt; then one probe releases all."""
    two_connections(worker, 20)
    OUTAGES[kind](worker)

    with capture_logs() as lines:
        report = worker.push()

    held = [line for line in lines if line["event"] == "connection.held" and "host" in line]
    assert [(line["number"], line["error_code"]) for line in held] == [(2, "outage")]
    assert ExitCode.UNREACHABLE in report.troubles
    assert report.counts["unknown"] <= SENDERS
    views = store.views(worker.context.database)
    assert {(view.status, view.hold_reason) for view in views} == {("held", "outage")}
    assert len({view.held_until for view in views}) == 1
    assert worker.rows("SELECT DISTINCT hold_count FROM connection") == [{"hold_count": 0}]
    assert worker.rows("SELECT DISTINCT attempts FROM delivery WHERE status = 'pending'") == [{"attempts": 0}]

    end_outage(worker)
    assert not worker.push().did_something, "the stored time has not come"
    worker.let_holds_end()
    reads = worker.reads()
    with capture_logs() as lines:
        worker.push()

    released = [line for line in lines if line["event"] == "connection.released"]
    assert [line.get("number") for line in released] == [2]
    assert worker.reads() == reads + 1
    assert len(worker.sandbox.invites()) == 40 - report.counts["unknown"]
    assert worker.sandbox.ledger()["duplicates"] == []
    assert worker.rows("SELECT hold_count FROM host") == [{"hold_count": 0}]
    assert {view.status for view in store.views(worker.context.database)} == {"active"}


def test_no_more_invites_come_into_doubt_than_were_in_flight_when_it_began(worker: WorkerWithSandbox) -> None:
    """The outage begins amid a drain; every sender may lose one answer, and claims nothing after it."""
    two_connections(worker, 100)
    worker.sandbox.set_faults(Faults(latency_seconds=0.02))
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(worker.push)
        while len(worker.sandbox.invites()) < 20:
            threading.Event().wait(0.005)
        worker.sandbox.set_faults(Faults(outage="drop"))
        report = pushed.result()

    assert report.counts["sent"] >= 20
    assert report.counts["unknown"] <= SENDERS
    assert worker.reads("dropped") == WITNESSES * READS_OF_A_PROBE


def test_a_second_failed_probe_holds_longer_and_costs_no_invite_anything(worker: WorkerWithSandbox) -> None:
    """While the host does not answer, each time that comes costs two probes and not one create."""
    two_connections(worker, 20)
    worker.sandbox.set_faults(Faults(outage="503"))
    worker.push()
    worker.let_holds_end()
    tried = len(worker.attempts())

    report = worker.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert len(worker.attempts()) == tried
    assert worker.reads("503") == 2 * WITNESSES * READS_OF_A_PROBE
    assert worker.rows("SELECT hold_count FROM host") == [{"hold_count": 2}]
    assert {view.status for view in store.views(worker.context.database)} == {"held"}


def test_of_two_processes_one_asks(make_worker: MakeWorker) -> None:
    """When the stored time has come, the other one waits for what the first finds out."""
    key = new_key()
    first, second = (make_worker(WORKER_ENCRYPTION_KEYS=key) for _ in range(2))
    first.connect()
    for number in range(20):
        first.add(f"v-{number}")
    first.sandbox.set_faults(Faults(outage="503"))
    first.push()
    first.let_holds_end()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda worker: worker.push(), (first, second)))
    assert first.reads("503") == 2 * READS_OF_A_PROBE

    end_outage(first)
    first.let_holds_end()
    assert second.push().counts["sent"] >= 12
    assert first.rows("SELECT hold_count FROM host") == [{"hold_count": 0}]


def test_a_claim_is_refused_while_the_host_is_known_to_be_out(worker: WorkerWithSandbox) -> None:
    """Rows that another process has read before are not sent behind the back of the one that asks."""
    worker.add()

    def store_it() -> None:
        store_outage(worker, PAST, probe_owner=this_process(), probe_until=soon(worker))

    with armed("before_claim", action=store_it):
        worker.push()

    assert worker.attempts() == []
    assert worker.rows("SELECT DISTINCT status FROM delivery") == [{"status": "pending"}]


def soon(worker: WorkerWithSandbox) -> str:
    """Return a time half a minute ahead."""
    return to_millisecond(worker.context.database.read_now() + timedelta(seconds=30))


@pytest.mark.parametrize(("owner", "until"), [(DEAD, "soon"), ("elsewhere/1/2", FAR)], ids=["dead", "far"])
def test_a_right_to_ask_that_nobody_can_use_is_void(
    worker: WorkerWithSandbox, owner: str, until: str
) -> None:
    """Its owner is dead, or it ends later than any such right can: a clock has jumped."""
    worker.add()
    ends = soon(worker) if until == "soon" else until
    store_outage(worker, PAST, probe_owner=owner, probe_until=ends)

    assert worker.push().counts["sent"] == 1


def test_one_strange_answer_costs_one_read_and_holds_nothing(worker: WorkerWithSandbox) -> None:
    """The probe is answered, so it was the invite's own trouble."""
    worker.add()
    reads = worker.reads()
    worker.sandbox.set_faults(Faults(garbage_share=1.0))

    assert worker.push().counts["unknown"] == 1
    assert worker.reads() == reads + 1
    assert worker.rows("SELECT * FROM host") == []
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]


def test_an_update_in_an_outage_counts_no_attempt(worker: WorkerWithSandbox) -> None:
    """Its answer is lost with all others; afterwards it is repeated."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    worker.sandbox.set_faults(Faults(outage="drop"))

    worker.push()
    assert worker.delivery()["attempts"] == 1
    assert worker.delivery()["status"] == "pending"

    end_outage(worker)
    worker.make_due()
    assert worker.push().counts["updated"] == 1


def test_resuming_a_connection_asks_the_host_at_once(worker: WorkerWithSandbox) -> None:
    """An operator who knows that Envoy is back need not wait for the stored time."""
    worker.add()
    store_outage(worker, soon(worker))
    store.resume(worker.context.database, "acme")

    assert worker.push().counts["sent"] == 1


def test_no_token_is_refreshed_while_the_host_is_held(worker: WorkerWithSandbox) -> None:
    """A refresh token that is posted into an outage may be lost with the answer."""
    worker.add()
    store_outage(worker, soon(worker))
    worker_rows.set_connection(worker, hold_reason="rate_limited")
    worker_rows.let_access_tokens_end(worker)

    report = worker.push()

    assert worker.sandbox.ledger()["refreshes"] == 0
    assert ExitCode.TRY_LATER in report.troubles


@pytest.mark.parametrize("before", [0, 1])
def test_a_process_that_is_to_end_declares_no_outage(worker: WorkerWithSandbox, before: int) -> None:
    """Its probe is cut short, and says nothing about the host; another process may ask at once."""
    stop = threading.Event()
    outages = Outages(
        worker.context.database, worker.context.gate.host, hold_seconds=(5, 900), rate_per_second=2
    )
    if before:
        store_outage(worker, PAST)

    def cut_short(_token: str) -> None:
        stop.set()
        raise OutcomeUnknown

    gate = Gate(outages, worker.context.holds, cut_short, stop)
    gate.note(OutcomeUnknown())
    with pytest.raises(OutcomeUnknown):
        gate.require(1, lambda: "token")

    host, _ = outages.look()
    assert (host.hold_count, host.probe_owner) == (before, None)


def test_a_throttled_connection_comes_back_at_half_its_pace_and_gains_speed(make_worker: MakeWorker) -> None:
    """The hold ends at the time that Envoy named; each success told raises the pace."""
    worker = make_worker(WORKER_PUSH__RATE_PER_SECOND="40")
    worker.connect()
    for number in range(30):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(Faults(error_429_share=1.0, retry_after="120"))
    worker.push()
    assert worker.rows("SELECT pace_per_second, hold_reason FROM connection") == [
        {"pace_per_second": 20.0, "hold_reason": "rate_limited"}
    ]

    worker.sandbox.set_faults(Faults())
    worker.let_holds_end()
    worker.push()

    assert len(worker.sandbox.invites()) == 30
    (pace,) = (row["pace_per_second"] for row in worker.rows("SELECT pace_per_second FROM connection"))
    assert 20.0 < pace < 40.0
