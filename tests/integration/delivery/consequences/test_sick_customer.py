"""A customer whose requests fail alone is held alone; and what else is no outage of Envoy's."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.due_rows import due_row
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.clock import boot_clock
from worker.connections.usable.gate import UNEXPECTED
from worker.connections.usable.refusing import Refusing
from worker.delivery.consequences.apply import Consequences
from worker.delivery.consequences.probes import Proving
from worker.delivery.consequences.refused_alike import Alike
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call
from worker.delivery.send.attempt import Attempt
from worker.delivery.store.claims import Claim
from worker.errors import OutcomeUnknown
from worker.invites import Kind, Status, Verdict
from worker.report import Report
from worker.sandbox import Faults, Sandbox

CUSTOMERS = 12  # more than there are senders
SENDERS = 8
SICK_COMPANY = "10000"
FULL_PACE = 1000
SICK = Faults(error_500_share=1.0, only="", company=SICK_COMPANY)
NO_WRITES = Faults(error_500_share=1.0)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of as many companies as there are customers."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=CUSTOMERS) as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker of these customers; the first by name is the one that will be sick."""
    made = make_worker(WORKER_PUSH__RATE_PER_SECOND=str(FULL_PACE))
    made.connect()
    for number in range(1, CUSTOMERS):
        made.connect(f"customer-{number:02}", company_id=f"{int(SICK_COMPANY) + number}")
    return made


def held(worker: WorkerWithSandbox) -> list[str]:
    """Return the names of the connections that have a hold."""
    rows = worker.rows("SELECT name FROM connection WHERE hold_reason IS NOT NULL ORDER BY name")
    return [row["name"] for row in rows]


def add_one_each(worker: WorkerWithSandbox, key: str) -> None:
    """Give every healthy customer one visit."""
    for number in range(1, CUSTOMERS):
        worker.add(f"{key}-{number}", connection=f"customer-{number:02}")


def test_a_customer_whose_reads_fail_is_held_alone_and_longer_each_time(worker: WorkerWithSandbox) -> None:
    """All others are served at full pace, and the sick one's later turns cost reads only."""
    for number in range(SENDERS + 2):
        worker.add(f"sick-{number}")
    worker.sandbox.set_faults(SICK)
    tried = 0
    for count in (1, 2, 3):
        add_one_each(worker, f"round-{count}")
        report = worker.push()

        assert report.counts["sent"] == CUSTOMERS - 1
        assert worker.rows("SELECT * FROM host WHERE hold_count > 0") == []
        assert held(worker) == ["acme"]
        assert worker.rows("SELECT hold_count FROM connection WHERE name = 'acme'") == [{"hold_count": count}]
        assert worker.rows("SELECT name FROM connection WHERE pace_per_second IS NOT NULL") == []
        doubtful = worker.rows("SELECT id FROM attempt WHERE verdict = 'unknown'")
        tried = tried or len(doubtful)
        assert len(doubtful) == tried <= SENDERS
        worker.let_holds_end()


def test_a_host_that_was_out_is_released_though_one_customer_stays_sick(worker: WorkerWithSandbox) -> None:
    """Its failed probe prolongs nothing: another customer's is answered, and all others go on."""
    worker.add("sick")
    add_one_each(worker, "first")
    worker.sandbox.set_faults(Faults(outage="503"))
    worker.push()
    assert worker.rows("SELECT hold_count FROM host") == [{"hold_count": 1}]
    assert len(held(worker)) == CUSTOMERS

    worker.sandbox.set_faults(SICK)
    worker.let_holds_end()
    for number in range(SENDERS):
        worker.add(f"sick-{number}")
    worker.push()

    assert worker.rows("SELECT hold_count, probe_owner FROM host") == [{"hold_count": 0, "probe_owner": None}]
    assert held(worker) == ["acme"]
    doubtful = worker.rows("SELECT id FROM delivery WHERE status = 'unknown' AND connection <> 'acme'")
    assert len(worker.sandbox.invites()) == CUSTOMERS - 1 - len(doubtful)


def test_after_its_own_hold_one_write_goes_alone(make_worker: MakeWorker) -> None:
    """Where only writes fail, each hold that ends costs one more doubt; then all go out again."""
    worker = make_worker()
    worker.connect()
    for number in range(30):
        worker.add(f"v-{number}")
    worker.sandbox.set_faults(NO_WRITES)
    worker.push()
    tried = len(worker.attempts())

    for count in (2, 3):
        worker.let_holds_end()
        assert worker.push().counts["unknown"] == 1
        assert worker.rows("SELECT hold_reason, hold_count FROM connection") == [
            {"hold_reason": "outage", "hold_count": count}
        ]

    worker.sandbox.set_faults(Faults())
    worker.let_holds_end()
    assert worker.push().counts["sent"] == 30 - tried - 2
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]


def test_a_fault_of_our_own_asks_nothing_and_still_holds_the_second_time(make_worker: MakeWorker) -> None:
    """Nobody knows what Envoy did, so not every invite of the connection may meet the same."""
    worker = make_worker()
    worker.connect()
    context, reads = worker.context, worker.reads()
    lanes = Lanes(Discovery(list, boot_clock), over=lambda: False, clock=boot_clock)
    alike = Alike(context.database, Refusing(context.database, context.gate.host, hold_seconds=(5, 900)))
    proving = Proving(context.database, context.api, context.tokens)
    drawn = Consequences(
        lanes, context.tokens, context.holds, context.gate, proving, alike, Report(Counter())
    )
    error = OutcomeUnknown(error_code=UNEXPECTED)
    work = Work(Lane(1, "acme"), due_row(), Call(Kind.CREATE))
    claim = Claim("a", 1, 1, 1, 1, 0.0, boot_clock)
    doubtful = Outcome(Verdict.UNKNOWN, Status.UNKNOWN, "unknown")
    attempt = Attempt(work, claim, context.tokens.access(1), doubtful, error, 1)

    for expected in ([], ["acme"]):
        context.gate.note(error)
        drawn.draw(attempt, later=lambda _: None)
        assert held(worker) == expected
    assert work.lane.closed
    assert worker.reads() == reads
