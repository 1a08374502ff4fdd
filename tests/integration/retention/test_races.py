"""Whatever happens between the look and the clearing, and a run that ends in the middle."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tests.integration.delivery.scene import CrashError
from tests.integration.retention.conftest import Office
from tests.interleaving import overtaken
from worker.failpoints import armed
from worker.retention import finished
from worker.sandbox import Sandbox


def visits(office: Office, number: int) -> None:
    """Let Envoy have refused so many visits that are over."""
    for one in range(number):
        office.visit(f"v-{one}")
    office.world.execute("UPDATE delivery SET status = 'rejected'")
    office.pass_days(40)


def left(office: Office) -> list[str]:
    """Return the visits that still have their visitor."""
    query = "SELECT external_id FROM invite WHERE invitee_name <> '(cleared)' ORDER BY id"
    return [row["external_id"] for row in office.world.rows(query)]


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda office: office.change("v-1", notes="still needed"),
        lambda office: office.change("v-1", wanted="absent"),
        lambda office: office.stand("v-1", status="pending"),
        lambda office: office.change("v-1", expected_arrival_at="2099-01-01T10:00:00Z"),
    ],
)
def test_a_row_that_changes_in_that_moment_is_left(
    office: Office, meanwhile: Callable[[Office], None]
) -> None:
    """The clearing looks again under its lock, so that nothing that somebody just wrote is lost."""
    visits(office, 3)

    with armed("before_clear", action=lambda: meanwhile(office)):
        report = office.prune()

    assert report.counts["cleared"] == 2
    assert left(office) == ["v-1"]
    assert office.world.delivery("v-1")["status"] == "pending"


def test_a_row_that_was_settled_in_that_moment_is_left(office: Office) -> None:
    """It is finished again, and it was changed: its time begins again."""
    visits(office, 2)

    def settle() -> None:
        office.change("v-1", notes="still needed")
        office.world.push()

    with armed("before_clear", action=settle):
        report = office.prune()

    assert report.counts["cleared"] == 1
    assert office.invite("v-1")["notes"] == "still needed"


def test_a_row_that_a_caller_has_locked_is_passed_over(postgresql_url: str, sandbox: Sandbox) -> None:
    """Nobody waits for a caller's open transaction, and the others are cleared; SQLite locks no rows."""
    office = Office(postgresql_url, sandbox)
    visits(office, 3)
    caller = office.world.context.database.engine

    with caller.connect() as connection, connection.begin():
        connection.execute(sa.text("SELECT 1 FROM invite WHERE external_id = 'v-1' FOR UPDATE"))
        during = office.prune().counts["cleared"]
    after = office.prune().counts["cleared"]
    office.world.context.__exit__(None, None, None)

    assert (during, after) == (2, 1)


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda office: office.change("v-1", notes="still needed"),
        lambda office: office.change("v-1", wanted="absent"),
        lambda office: office.stand("v-1", status="pending"),
        lambda office: office.change("v-1", expected_arrival_at="2099-01-01T10:00:00Z"),
    ],
)
def test_the_ledger_of_a_row_that_is_reopened_in_that_moment_stays(
    old_office: Office, meanwhile: Callable[[Office], None]
) -> None:
    """It may be in doubt again: then its lines say which of Envoy's ids it had before."""
    office = old_office

    with overtaken(office.world.context.database, lambda: meanwhile(office)):
        report = office.prune()

    assert report.counts["attempts_deleted"] == 1
    (line,) = office.world.attempts()
    assert line["delivery_id"] == office.world.delivery("v-1")["id"]


@pytest.fixture
def old_office(database_url: str, sandbox: Sandbox) -> Iterator[Office]:
    """Give an office that clears nothing, and has two visits so old that their ledger may go."""
    office = Office(database_url, sandbox, WORKER_RETENTION__PERSONAL_DAYS="0")
    for name in ("v-1", "v-2"):
        office.visit(name)
    office.world.push()
    office.pass_days(200)
    yield office
    office.world.context.__exit__(None, None, None)


def test_a_run_that_dies_between_two_batches_is_gone_on_with(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was cleared is cleared, the rest is as it was, and the next run does it."""
    monkeypatch.setattr(finished, "BATCH", 2)
    visits(office, 5)

    def end() -> None:
        raise CrashError

    with pytest.raises(CrashError), armed("after_clear_commit", action=end):
        office.prune()
    halfway, due = left(office), office.world.push().did_something
    report = office.prune()

    assert (halfway, due) == (["v-2", "v-3", "v-4"], False)
    assert report.counts["cleared"] == 3
    assert left(office) == []


def test_a_stop_is_obeyed_between_two_batches(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that drains does not wait for a hundred thousand rows."""
    monkeypatch.setattr(finished, "BATCH", 2)
    visits(office, 5)

    with armed("after_clear_commit", action=office.world.context.stop.set):
        report = office.prune()

    assert report.counts["cleared"] == 2
    assert len(left(office)) == 3
