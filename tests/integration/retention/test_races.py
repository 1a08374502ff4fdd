"""Whatever happens between the look and the clearing, and a run that ends in the middle."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.two_workers import CrashError
from tests.integration.retention.conftest import CustomerOverTime
from tests.interleaving import overtaken
from worker.failpoints import armed
from worker.retention import finished
from worker.sandbox import Sandbox


def visits(customer: CustomerOverTime, number: int) -> None:
    """Let Envoy have refused so many visits that are over."""
    for one in range(number):
        customer.visit(f"v-{one}")
    worker_rows.set_status(customer.worker, "rejected")
    customer.pass_days(40)


def left(customer: CustomerOverTime) -> list[str]:
    """Return the visits that still have their visitor."""
    query = "SELECT external_id FROM invite WHERE invitee_name <> '(cleared)' ORDER BY id"
    return [row["external_id"] for row in customer.worker.rows(query)]


@pytest.mark.parametrize(
    "in_between",
    [
        lambda customer: customer.change("v-1", notes="still needed"),
        lambda customer: customer.change("v-1", wanted="absent"),
        lambda customer: customer.stand("v-1", status="pending"),
        lambda customer: customer.change("v-1", expected_arrival_at="2099-01-01T10:00:00Z"),
    ],
)
def test_a_row_that_changes_in_that_moment_is_left(
    customer: CustomerOverTime, in_between: Callable[[CustomerOverTime], None]
) -> None:
    """The clearing looks again under its lock, so that nothing that somebody just wrote is lost."""
    visits(customer, 3)

    with armed("before_clear", action=lambda: in_between(customer)):
        report = customer.prune()

    assert report.counts["cleared"] == 2
    assert left(customer) == ["v-1"]
    assert customer.worker.delivery("v-1")["status"] == "pending"


def test_a_row_that_was_settled_in_that_moment_is_left(customer: CustomerOverTime) -> None:
    """It is finished again, and it was changed: its time begins again."""
    visits(customer, 2)

    def settle() -> None:
        customer.change("v-1", notes="still needed")
        customer.worker.push()

    with armed("before_clear", action=settle):
        report = customer.prune()

    assert report.counts["cleared"] == 1
    assert customer.invite("v-1")["notes"] == "still needed"


def test_a_row_that_a_caller_has_locked_is_passed_over(postgresql_url: str, sandbox: Sandbox) -> None:
    """Nobody waits for a caller's open transaction, and the others are cleared; SQLite locks no rows."""
    customer = CustomerOverTime(postgresql_url, sandbox)
    visits(customer, 3)
    caller = customer.worker.context.database.engine

    with caller.connect() as connection, connection.begin():
        connection.execute(sa.text("SELECT 1 FROM invite WHERE external_id = 'v-1' FOR UPDATE"))
        during = customer.prune().counts["cleared"]
    after = customer.prune().counts["cleared"]
    customer.worker.context.__exit__(None, None, None)

    assert (during, after) == (2, 1)


@pytest.mark.parametrize(
    "in_between",
    [
        lambda customer: customer.change("v-1", notes="still needed"),
        lambda customer: customer.change("v-1", wanted="absent"),
        lambda customer: customer.stand("v-1", status="pending"),
        lambda customer: customer.change("v-1", expected_arrival_at="2099-01-01T10:00:00Z"),
    ],
)
def test_the_ledger_of_a_row_that_is_reopened_in_that_moment_stays(
    customer_with_old_visits: CustomerOverTime, in_between: Callable[[CustomerOverTime], None]
) -> None:
    """It may be in doubt again: then its lines say which of Envoy's ids it had before."""
    customer = customer_with_old_visits

    with overtaken(customer.worker.context.database, lambda: in_between(customer)):
        report = customer.prune()

    assert report.counts["attempts_deleted"] == 1
    (line,) = customer.worker.attempts()
    assert line["delivery_id"] == customer.worker.delivery("v-1")["id"]


@pytest.fixture
def customer_with_old_visits(database_url: str, sandbox: Sandbox) -> Iterator[CustomerOverTime]:
    """Give a customer that clears nothing, and has two visits so old that their ledger may go."""
    customer = CustomerOverTime(database_url, sandbox, WORKER_RETENTION__PERSONAL_DAYS="0")
    for name in ("v-1", "v-2"):
        customer.visit(name)
    customer.worker.push()
    customer.pass_days(200)
    yield customer
    customer.worker.context.__exit__(None, None, None)


def test_a_run_that_dies_between_two_batches_is_gone_on_with(
    customer: CustomerOverTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was cleared is cleared, the rest is as it was, and the next run does it."""
    monkeypatch.setattr(finished, "BATCH", 2)
    visits(customer, 5)

    def end() -> None:
        raise CrashError

    with pytest.raises(CrashError), armed("after_clear_commit", action=end):
        customer.prune()
    halfway, due = left(customer), customer.worker.push().did_something
    report = customer.prune()

    assert (halfway, due) == (["v-2", "v-3", "v-4"], False)
    assert report.counts["cleared"] == 3
    assert left(customer) == []


def test_a_stop_is_obeyed_between_two_batches(
    customer: CustomerOverTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that drains does not wait for a hundred thousand rows."""
    monkeypatch.setattr(finished, "BATCH", 2)
    visits(customer, 5)

    with armed("after_clear_commit", action=customer.worker.context.stop.set):
        report = customer.prune()

    assert report.counts["cleared"] == 2
    assert len(left(customer)) == 3
