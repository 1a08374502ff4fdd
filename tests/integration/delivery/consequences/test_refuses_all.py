"""Envoy refuses every row of every customer in the same way: that is no row's fault."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.doubtful_creates import ARRIVAL
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.worker_rows import PAST
from worker.clock import boot_clock
from worker.connections import store
from worker.connections.usable import resuming
from worker.connections.usable.refusing import Refusing
from worker.delivery.consequences.refused_alike import Alike
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claims, Lease
from worker.errors import ExitCode
from worker.invites import Kind
from worker.sandbox import Faults, Sandbox

NAMES = ("acme", "beta", "gamma")
ROWS = 7
REFUSED = Faults(refuse_status=422, refuse_message="visit {n} is not valid")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of three companies."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=len(NAMES)) as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker of three customers."""
    made = make_worker()
    for number, name in enumerate(NAMES):
        made.connect(name, company_id=str(10000 + number))
    return made


def add_rows(worker: WorkerWithSandbox, *, number: int = ROWS, names: tuple[str, ...] = NAMES) -> None:
    """Give each of the customers so many visits."""
    for name in names:
        for one in range(number):
            arrival = (ARRIVAL + timedelta(days=one)).isoformat()
            worker.add(f"{name}-{one}", connection=name, expected_arrival_at=arrival)


def statuses(worker: WorkerWithSandbox) -> dict[str, int]:
    """Return how many rows stand how."""
    rows = worker.rows("SELECT status, count(*) AS number FROM delivery GROUP BY status")
    return {row["status"]: row["number"] for row in rows}


def reasons(worker: WorkerWithSandbox) -> set[str | None]:
    """Return what the connections are held for."""
    return {view.hold_reason for view in store.views(worker.context.database)}


def refuse_all(worker: WorkerWithSandbox) -> None:
    """Let Envoy refuse all rows alike."""
    add_rows(worker)
    worker.sandbox.set_faults(REFUSED)
    worker.push()
    assert statuses(worker) == {"pending": 21}
    assert reasons(worker) == {"refuses_all"}


def trials(worker: WorkerWithSandbox) -> int:
    """Return how many creates Envoy has met."""
    return sum(worker.sandbox.ledger()["by_route"]["POST /v1/invites"].values())


def test_what_everyone_is_refused_for_rejects_nobody(worker: WorkerWithSandbox) -> None:
    """The rejections are taken back, no attempt is counted, and an operator is told once."""
    add_rows(worker)
    worker.sandbox.set_faults(REFUSED)

    with capture_logs() as logs:
        report = worker.push()

    assert statuses(worker) == {"pending": 21}
    assert {row["attempts"] for row in worker.rows("SELECT attempts FROM delivery")} == {0}
    assert reasons(worker) == {"refuses_all"}
    assert (report.counts["rejected"], report.counts["deferred"]) == (0, 21)
    assert report.troubles == {ExitCode.TRY_LATER}
    (event,) = (log for log in logs if log["event"] == "connection.held")
    assert (event["log_level"], event["error_code"], event["http_status"], event["number"]) == (
        "error", "refuses_all", 422, 3,
    )  # fmt: skip
    assert "connections resume --all" in event["hint"]


def test_one_request_at_a_time_is_the_trial(worker: WorkerWithSandbox) -> None:
    """Nothing goes out before the stored time, then one create, and the wait is longer."""
    refuse_all(worker)
    before = trials(worker)

    assert not worker.push().counts["deferred"]
    assert trials(worker) == before, "the time has not come"
    for number in (1, 2):
        worker.let_holds_end()
        with capture_logs() as logs:
            report = worker.push()
        assert "invite.rejected" not in {log["event"] for log in logs}
        assert trials(worker) == before + number
        assert ExitCode.TRY_LATER in report.troubles
        assert statuses(worker) == {"pending": 21}
    assert worker.rows("SELECT refused_count FROM host") == [{"refused_count": 3}]


def test_a_trial_that_goes_through_releases_everyone(worker: WorkerWithSandbox) -> None:
    """In the same run; and all is sent once."""
    refuse_all(worker)
    worker.sandbox.set_faults(Faults())
    worker.let_holds_end()

    for _ in range(2):
        worker.make_due()
        worker.push()

    assert statuses(worker) == {"sent": 21}
    assert reasons(worker) == {None}
    assert worker.rows("SELECT refused_until, refusal FROM host") == [
        {"refused_until": None, "refusal": None}
    ]
    assert worker.sandbox.ledger()["duplicates"] == []


def test_an_operator_ends_it(worker: WorkerWithSandbox) -> None:
    """For all connections but those that were paused; what was refused before does not count again."""
    refuse_all(worker)
    store.pause(worker.context.database, "gamma")

    assert resuming.resume_all(worker.context.database) == ["acme", "beta"]

    assert reasons(worker) == {None, "paused"}
    worker.push(limit=10)
    assert statuses(worker)["rejected"] == 10
    assert reasons(worker) == {None, "paused"}


def test_who_was_held_for_something_else_waits_with_the_others(worker: WorkerWithSandbox) -> None:
    """Its own hold is over, and nobody has resumed it: what holds the host holds it, too."""
    refuse_all(worker)
    before = trials(worker)
    worker_rows.hold(worker, "outage", PAST, "beta")

    report = worker.push()

    assert trials(worker) == before
    assert ExitCode.TRY_LATER in report.troubles


def test_a_connection_that_is_resumed_alone_is_the_next_trial(worker: WorkerWithSandbox) -> None:
    """It does not wait for the stored time; the others do."""
    refuse_all(worker)
    before = trials(worker)
    store.resume(worker.context.database, "beta")

    worker.push()

    assert trials(worker) == before + 1
    assert reasons(worker) == {"refuses_all"}


def test_few_customers_few_rows_or_a_success_between_show_that_it_is_the_rows(
    worker: WorkerWithSandbox,
) -> None:
    """Forty rows of two customers may all be wrong, and so may eighteen of three since the last success."""
    worker_rows.add_host(worker, worker.context.gate.host)
    add_rows(worker, number=20)
    worker.sandbox.set_faults(replace(REFUSED, refuse_companies="10000, 10001"))
    worker.push()
    worker.add("last", connection="gamma")
    worker.push()
    assert statuses(worker) == {"rejected": 40, "sent": 21}

    worker.sandbox.set_faults(REFUSED)
    for key in (f"{name}-{one}" for name in NAMES for one in range(6)):
        worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = :key", key=key)
    worker.push()

    assert statuses(worker)["rejected"] == 40 + 6
    assert reasons(worker) == {None}


def test_rows_that_envoy_refuses_in_different_words_are_rejected(worker: WorkerWithSandbox) -> None:
    """Two reasons are no common one."""
    add_rows(worker, number=10, names=("acme",))
    worker.sandbox.set_faults(REFUSED)
    worker.push()
    add_rows(worker, number=10, names=("beta", "gamma"))
    worker.sandbox.set_faults(Faults(refuse_status=400, refuse_message="no"))

    worker.push()

    assert statuses(worker) == {"rejected": 30}


def test_a_row_with_a_fault_of_its_own_is_rejected_by_its_trial(worker: WorkerWithSandbox) -> None:
    """Envoy's words are others; the next trial takes another row."""
    refuse_all(worker)
    worker.sandbox.set_faults(Faults(refuse_status=400, refuse_message="no such thing"))
    worker.let_holds_end()

    worker.push()

    assert statuses(worker) == {"pending": 20, "rejected": 1}
    assert reasons(worker) == {"refuses_all"}


def test_what_an_update_empties_is_emptied_once_everyone_is_heard_again(worker: WorkerWithSandbox) -> None:
    """That it was refused as all the rest says nothing about its clears; no row is told as not cleared."""
    for name in NAMES:
        for one in range(10):
            day = (ARRIVAL + timedelta(days=one)).isoformat()
            worker.add(f"{name}-{one}", connection=name, expected_arrival_at=day, notes="a")
    worker.push()
    worker.sandbox.set_faults(REFUSED)
    worker.execute("UPDATE invite SET notes = NULL")
    worker.push()
    assert statuses(worker) == {"pending": 30}
    worker.let_holds_end()
    worker.push()
    worker.sandbox.set_faults(Faults())

    for _ in range(2):
        worker.let_holds_end()
        worker.make_due()
        worker.push()

    assert {one["notes"] for one in worker.sandbox.invites()} == {None}
    assert worker.rows("SELECT DISTINCT status, error_code FROM delivery") == [
        {"status": "sent", "error_code": None}
    ]


def test_one_process_at_a_time_tries(worker: WorkerWithSandbox) -> None:
    """Of two that saw the same, the second is refused; and what is in flight elsewhere stays unclaimed."""
    refuse_all(worker)
    worker.let_holds_end()
    context = worker.context
    refusing = Refusing(context.database, context.gate.host, hold_seconds=(5, 900))
    seen = context.gate.seen()

    assert [refusing.take_trial(seen) for _ in range(2)] == [True, False]
    assert reasons(worker) == {"refuses_all"}


def test_a_refusal_that_was_on_its_way_is_taken_back_too(worker: WorkerWithSandbox) -> None:
    """It was refused like all the others, and stored when they had been taken back already."""
    refuse_all(worker)
    worker_rows.set_status(worker, "rejected", "acme-0")
    (host,) = worker.rows("SELECT refusal FROM host")
    refusing = Refusing(worker.context.database, worker.context.gate.host, hold_seconds=(5, 900))

    assert Alike(worker.context.database, refusing).examine(host["refusal"]) == 1

    assert statuses(worker) == {"pending": 21}


def test_rejections_whose_process_died_before_it_compared_them_are_taken_back(
    worker: WorkerWithSandbox,
) -> None:
    """The verdicts are in the ledger: the next run finds what the last one came to see no more."""
    refuse_all(worker)
    worker_rows.forget_refusals(worker)
    worker_rows.end_holds(worker)
    worker_rows.set_status(worker, "rejected")
    before = trials(worker)

    worker.push()

    assert (statuses(worker), reasons(worker)) == ({"pending": 21}, {"refuses_all"})
    assert trials(worker) == before


def test_nothing_but_a_trial_is_claimed_in_between(worker: WorkerWithSandbox) -> None:
    """A worker that had read its rows before learns of it at the claim."""
    refuse_all(worker)
    worker_rows.end_holds(worker)
    context = worker.context
    claims = Claims(
        context.database,
        context.journal,
        host=context.gate.host,
        lease=Lease(60, 15),
        run_id="run",
        clock=boot_clock,
    )
    row = due_page(context.database, "acme", after=None, until=context.database.read_now(), size=1).rows[0]

    assert claims.take(row, Call(Kind.CREATE), "a-1") is None
    assert claims.take(row, Call(Kind.CREATE), "a-2", trial=True) is not None
