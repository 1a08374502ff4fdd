"""Reading directories: one customer's failure is told by name, and is nobody else's."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from jobs import refresh_directory
from tests import worker_rows
from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorker
from tests.integration.delivery.controlled_api import serving
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections.store import require
from worker.directory import DuePages, Round, load, refresh
from worker.directory.store import content_of, note_unchanged, replace
from worker.envoy.resources import Location
from worker.sandbox import Faults, Sandbox

NAMES = ("acme", "beta", "gamma")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of three companies."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=3) as running:
        yield running


@pytest.fixture
def three_customers(worker: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker of three customers, whose directories are due."""
    worker.connect("beta", company_id="10001")
    worker.connect("gamma", company_id="10002")
    worker_rows.let_directories_be_due(worker)
    return worker


@contextmanager
def written(worker: WorkerWithSandbox) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is written, statements and values."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.split(maxsplit=1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            found.append((" ".join(statement.split()[:3]), values))

    engine = worker.context.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(engine, "before_cursor_execute", note)


def elsewhere(worker: WorkerWithSandbox, make_worker: MakeWorker, url: str) -> WorkerWithSandbox:
    """Give the same database to a worker whose Envoy is at another address."""
    keys = worker.context.secrets.get("WORKER_ENCRYPTION_KEYS")
    return make_worker(WORKER_ENVOY__API_URL=url, WORKER_ENCRYPTION_KEYS=keys)


def test_a_directory_that_cannot_be_read_is_told_and_the_others_are_read(worker: WorkerWithSandbox) -> None:
    """The event says whose it is and what Envoy answered; what was stored of it stays in use."""
    worker.connect("beta", company_id="10001")
    worker_rows.let_directories_be_due(worker)
    worker.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/flows", company="10000"))

    with capture_logs() as logs:
        report = refresh_directory.run(worker.run_context())

    (failed,) = (log for log in logs if log["event"] == "directory.refresh_failed")
    assert (failed["connection"], failed["http_status"], failed["log_level"]) == ("acme", 500, "warning")
    assert report.counts == {"failed": 1, "refreshed": 1}
    stored = "SELECT 1 FROM flow AS f JOIN connection AS c ON c.id = f.connection_id WHERE c.name = 'acme'"
    assert worker.rows(stored)


def test_two_who_read_a_directory_at_once_both_store_it(worker: WorkerWithSandbox) -> None:
    """One after the other, and the directory is whole."""
    database = worker.context.database
    places = [Location(str(number), name, True, None) for number, name in enumerate(("Berlin", "Oslo"))]
    (connection,) = worker.rows("SELECT id FROM connection WHERE name = 'acme'")
    content, now = content_of(places, []), database.read_now()

    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(replace, database, connection["id"], content, asked_at=now) for _ in range(12)
        ]:
            done.result()

    assert [one.name for one in load(database, connection["id"]).locations] == ["Berlin", "Oslo"]


def test_a_customer_who_does_not_answer_keeps_no_other_waiting(
    three_customers: WorkerWithSandbox, make_worker: MakeWorker
) -> None:
    """The first one is answered when the lists of all others have been read."""
    first, others, number = threading.Lock(), threading.Event(), iter(range(1, 10))
    went_on: list[bool] = []

    def answer(path: str, _: str) -> None:
        if first.acquire(blocking=False):
            went_on.append(others.wait(2.5))  # less than its deadline
        elif path.startswith("/v1/flows") and next(number) == len(NAMES) - 1:
            others.set()

    with serving(answer) as url:
        worker = elsewhere(three_customers, make_worker, url)
        report = refresh_directory.run(worker.run_context(), readers=2)

    assert (report.counts, went_on) == ({"refreshed": len(NAMES)}, [True])


def test_what_is_as_it_was_is_not_written_again(three_customers: WorkerWithSandbox) -> None:
    """When it was read is stored for all customers together; nothing else is written."""
    with written(three_customers) as writes:
        report = refresh_directory.run(three_customers.run_context())

    assert report.counts == {"refreshed": len(NAMES)}
    ((statement, values),) = writes
    assert (statement, len(values)) == ("UPDATE connection SET", len(NAMES))
    assert refresh_directory.run(three_customers.run_context()).counts == {}


def test_only_what_differs_is_written(three_customers: WorkerWithSandbox) -> None:
    """One row is missing, one has another name, one is no longer in Envoy: these three, and no other."""
    worker_rows.add_location(three_customers, 1, "gone", "x")
    ids = [
        row["envoy_id"]
        for row in three_customers.rows("SELECT envoy_id FROM location WHERE connection_id = 1")
    ]
    missing, renamed = [key for key in ids if key != "gone"][:2]
    whole = three_customers.rows(
        "SELECT * FROM location WHERE connection_id = 1 AND envoy_id <> 'gone' ORDER BY name"
    )
    worker_rows.remove_locations(three_customers, 1, missing)
    worker_rows.call_location(three_customers, 1, renamed, "Old")

    with written(three_customers) as writes:
        refresh_directory.run(three_customers.run_context(connection="acme"))

    told = str([values for statement, values in writes if "location" in statement])
    assert all(key in told for key in ("gone", missing, renamed))
    assert not [key for key in ids if key not in {"gone", missing, renamed} and f"'{key}'" in told]
    assert not [statement for statement, _ in writes if "flow" in statement]
    assert whole == three_customers.rows("SELECT * FROM location WHERE connection_id = 1 ORDER BY name")


def test_who_is_held_or_removed_is_not_asked(three_customers: WorkerWithSandbox) -> None:
    """What is held is counted; who is removed is no customer any more."""
    worker_rows.pause(three_customers, "acme")
    worker_rows.remove_connection(three_customers, "beta")
    before = three_customers.reads()

    report = refresh_directory.run(three_customers.run_context())

    assert report.counts == {"held": 1, "refreshed": 1}
    assert three_customers.reads() == before + 1


def test_a_directory_is_as_old_as_the_question(
    three_customers: WorkerWithSandbox, make_worker: MakeWorker
) -> None:
    """A row that is written while the lists are on their way may name what they do not show yet."""
    asked: list[datetime] = []

    with serving(lambda *_: asked.append(three_customers.context.database.read_now())) as url:
        worker = elsewhere(three_customers, make_worker, url)
        context = worker.context

        def read_alone() -> None:
            refresh(context.database, context.api, context.tokens, require(context.database, "acme"))

        def read_in_a_round() -> None:
            refresh_directory.run(worker.run_context(connection="acme"), max_age=0)

        for read in (read_in_a_round, read_in_a_round, read_alone):  # changed, unchanged, and alone
            asked.clear()
            read()

            assert (read_at := load(context.database, 1).refreshed_at)
            assert read_at <= asked[0]


def test_a_later_reading_is_not_noted_as_an_earlier_one(worker: WorkerWithSandbox) -> None:
    """Somebody else has stored it in between; but what lies ahead came from a clock that was wrong."""
    database = worker.context.database
    later = load(database, 1).refreshed_at
    assert later is not None

    note_unchanged(database, {1: later - timedelta(seconds=9)})
    assert load(database, 1).refreshed_at == later

    worker_rows.set_connection(worker, directory_refreshed_at="2999-01-01T00:00:00.000Z")
    note_unchanged(database, {1: later})
    assert load(database, 1).refreshed_at == later


def test_what_ends_one_reader_ends_the_round(
    three_customers: WorkerWithSandbox, make_worker: MakeWorker
) -> None:
    """A bug, or the database's trouble, is no customer's: the others finish what they have in hand."""
    whose: list[str] = []
    rounds: list[Round] = []

    def answer(_: str, token: str) -> None:
        whose.append(token)
        end = time.monotonic() + 2.5  # less than the request's deadline
        while token != whose[0] and not rounds[0]._is_over and time.monotonic() < end:
            time.sleep(0.01)

    def fail_once(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM location" in statement and not failed.is_set():
            failed.set()
            raise RuntimeError("a bug")

    failed = threading.Event()
    with serving(answer) as url:
        context = elsewhere(three_customers, make_worker, url).context
        sa.event.listen(context.database.engine, "before_cursor_execute", fail_once)
        due = DuePages(context.database, max_age=0, only=None)
        rounds.append(Round(context.database, context.api, context.tokens, due, readers=2, stop=context.stop))
        with pytest.raises(RuntimeError, match="a bug"):
            rounds[0].run()

    assert len(set(whose)) == 2
