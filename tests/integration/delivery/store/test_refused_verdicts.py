"""A database that is there, and refuses a verdict: it is offered again, and printed at last."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import ExitCode
from worker.failpoints import armed
from worker.sandbox import Sandbox

# Another application's trigger, which refuses what is written for the first few times; a sequence counts
# them, since no transaction takes its numbers back.
REFUSE = """
    CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('refusals') <= {times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END IF;
        RETURN NEW;
    END $$;
"""
REFUSING = (
    "CREATE SEQUENCE refusals;"
    + REFUSE
    + "CREATE TRIGGER refuse BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();"
)
STATES = {
    "08P01": "a pooler's protocol",
    "0A000": "a cached plan",
    "22021": "a text that it does not hold",
    "23514": "another application's rule",
    "25P02": "a transaction that had failed before",
    "26000": "a statement that a pooler's server does not know",
    "40001": "another transaction",
    "40P01": "a deadlock",
    "42501": "a right that is missing for a while",
    "42883": "a function that is missing for a while",
    "53200": "no memory",
    "55P03": "a lock",
    "57014": "a statement timeout",
    "57P01": "a shutdown",
    "58030": "the server's disk",
    "P0001": "another application's trigger",
    "XX000": "the server itself",
}


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Give the events of a test, as they come."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def own_worker(postgresql_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a worker on PostgreSQL with one visit that is due."""
    made = WorkerWithSandbox(postgresql_url, sandbox)
    made.connect()
    made.add()
    yield made
    made.context.__exit__(None, None, None)


def test_a_verdict_is_offered_again_whatever_refused_it(
    own_worker: WorkerWithSandbox, lines: list[Any]
) -> None:
    """The request is made once, and nothing is in doubt."""
    worker = own_worker
    worker.push()
    worker.execute(REFUSING.format(times=0, state="P0001", when="UPDATE", table="attempt"))
    for state, reason in STATES.items():
        again = REFUSE.format(times=1, state=state) + "ALTER SEQUENCE refusals RESTART"
        worker.add(external_id=reason)
        with armed("after_answer", action=partial(worker.execute, again)):
            worker.push()
        assert (reason, worker.delivery(reason)["status"]) == (reason, "sent")
        assert worker.rows("SELECT last_value FROM refusals") == [{"last_value": 2}], reason

    assert len(worker.sandbox.ledger()["creates"]) == len(STATES) + 1
    assert [line for line in lines if line["event"] == "invite.unknown"] == []


def test_a_verdict_that_is_refused_to_the_end_is_printed(
    own_worker: WorkerWithSandbox, lines: list[Any]
) -> None:
    """With Envoy's id, for a person; the words of the other application's trigger are not shown."""
    worker = own_worker
    refusing = REFUSING.format(times=1_000_000, state="P0001", when="UPDATE", table="attempt")

    def refuse_and_stop() -> None:
        worker.execute(refusing)
        worker.context.stop.set()

    with armed("after_answer", action=refuse_and_stop):
        report = worker.push()

    assert ExitCode.UNREACHABLE in report.troubles
    (printed,) = [line for line in lines if line["event"] == "invite.unknown"]
    assert printed["error_code"] == "verdict_not_stored"
    assert printed["envoy_invite_id"] == worker.sandbox.invites()[0]["id"]


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_claim_that_met_a_conflict_is_made_again(own_worker: WorkerWithSandbox, state: str) -> None:
    """And counts as one attempt."""
    worker = own_worker
    worker.execute(REFUSING.format(times=2, state=state, when="INSERT", table="attempt"))
    worker.push()

    assert (worker.delivery()["status"], worker.delivery()["attempts"]) == ("sent", 1)
    assert len(worker.attempts()) == 1


def test_a_database_whose_default_is_serializable_is_drained_by_many(
    postgresql_url: str, sandbox: Sandbox
) -> None:
    """No sender meets another one's transaction."""
    name = postgresql_url.partition("?")[0].rpartition("/")[2]
    worker = WorkerWithSandbox(postgresql_url, sandbox, WORKER_PUSH__CONCURRENCY="8")
    worker.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    worker.context.database.dispose()
    worker.connect()
    for number in range(200):
        worker.add(external_id=f"v-{number}")
    report = worker.push()
    worker.context.__exit__(None, None, None)

    assert report.counts["sent"] == 200
    assert len(worker.sandbox.ledger()["creates"]) == 200


def test_a_verdict_that_is_refused_at_its_commit_is_offered_again(
    own_worker: WorkerWithSandbox, lines: list[Any]
) -> None:
    """A rule of another application may be looked at only then."""
    worker = own_worker
    refusing = REFUSING.replace("TRIGGER refuse BEFORE", "CONSTRAINT TRIGGER refuse AFTER").replace(
        "FOR EACH", "DEFERRABLE INITIALLY DEFERRED FOR EACH"
    )
    late = refusing.format(times=2, state="XX000", when="UPDATE", table="attempt")
    with armed("after_answer", action=partial(worker.execute, late)):
        worker.push()

    assert (worker.delivery()["status"], len(worker.sandbox.invites())) == ("sent", 1)
    assert [line for line in lines if line["event"] == "invite.unknown"] == []
