"""The database goes away amid a push: verdicts in hand wait for it, nothing else begins, one line tells."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import push_invites
from tests.database_away import ClosedServer, FullDisk, LockedFile
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.database.urls import normalise_url
from worker.errors import ExitCode, SchemaError
from worker.failpoints import armed
from worker.runs import ResolvedJob, RunResult, execute
from worker.sandbox import Sandbox
from worker.settings import JobSettings

VISITS = 30
LONG = "ü" * 2000  # as JSON more than a page of SQLite
SETTINGS = JobSettings.model_validate({"run": "jobs.push_invites:run", "every": 5})
PUSH = ResolvedJob("push_invites", push_invites.run, {}, exclusive=False, settings=SETTINGS)

Line = dict[str, Any]


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Give the events of a test, as they come."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def quick_worker(database_url: str, sandbox: Sandbox) -> Iterator[WorkerWithSandbox]:
    """Give a worker that on SQLite waits for another writer for a moment only."""
    url = database_url + ("?timeout=0.1" if database_url.startswith("sqlite") else "")
    made = WorkerWithSandbox(url, sandbox)
    made.connect()
    yield made
    made.context.__exit__(None, None, None)


@pytest.fixture
def away(
    quick_worker: WorkerWithSandbox, request: pytest.FixtureRequest
) -> Iterator[LockedFile | ClosedServer]:
    """Give what takes the database of the worker away."""
    database = quick_worker.context.database
    if not database.is_sqlite:
        yield request.getfixturevalue("server")
        return
    made = LockedFile(database.url)
    yield made
    made.come_back()
    made.close()


def scheduled(worker: WorkerWithSandbox) -> RunResult:
    """Run the job as the service does."""
    return execute(worker.context, PUSH, trigger="schedule")


def told(lines: list[Any], event: str) -> list[Line]:
    """Return the lines of one event."""
    return [line for line in lines if line["event"] == event]


def _rests(worker: WorkerWithSandbox) -> bool:
    """Return whether nothing is created for a while: long enough for several offers of a verdict."""
    made = len(worker.sandbox.invites())
    threading.Event().wait(1.0)
    return made == len(worker.sandbox.invites()) < VISITS


def test_verdicts_wait_until_the_database_is_back(
    quick_worker: WorkerWithSandbox, away: LockedFile | ClosedServer, lines: list[Any]
) -> None:
    """However often the store fails, each is stored in the end; nothing new is claimed in between."""
    worker = quick_worker
    for number in range(VISITS):
        worker.add(f"v-{number}")
    with ThreadPoolExecutor(1) as pool, armed("after_answer", nth=3, action=away.go):
        run: Future[RunResult] = pool.submit(scheduled, worker)
        try:
            wait_until(lambda: bool(told(lines, "database.unreachable")))
            # A server ends its connections one after the other: what was claimed by then is sent.
            wait_until(lambda: _rests(worker))
            assert not run.done()
        finally:  # the run waits for it, however this ends
            away.come_back()
        run.result()

    scheduled(worker)
    assert worker.rows("SELECT DISTINCT status FROM delivery") == [{"status": "sent"}]
    assert worker.sandbox.ledger()["duplicates"] == []
    assert len(worker.sandbox.invites()) == VISITS
    assert len(told(lines, "database.unreachable")) == 1
    assert not [line for line in lines if line.get("error_code") == "verdict_not_stored"]
    assert {line["log_level"] for line in told(lines, "job.failed")} <= {"debug"}


@pytest.fixture
def server(postgresql_url: str, postgresql_server: str) -> Iterator[ClosedServer]:
    """Give what ends PostgreSQL's connections."""
    made = ClosedServer(normalise_url(postgresql_url), postgresql_server)
    yield made
    made.come_back()
    made.close()


def test_the_end_of_the_trouble_is_told_once(
    postgresql_url: str, server: ClosedServer, sandbox: Sandbox, lines: list[Any]
) -> None:
    """Runs that meet it are told at DEBUG; the first write a second after the last failure ends it."""
    worker = WorkerWithSandbox(postgresql_url, sandbox)
    worker.connect()
    server.go()
    results = [scheduled(worker) for _ in range(3)]
    server.come_back()
    wait_until(lambda: bool(scheduled(worker) and told(lines, "database.reachable")))
    worker.context.__exit__(None, None, None)

    assert [result.codes for result in results] == [{ExitCode.UNREACHABLE}] * 3
    assert [line["error_code"] for line in told(lines, "database.unreachable")] == ["unreachable"]
    assert len(told(lines, "database.reachable")) == 1
    assert {line["log_level"] for line in told(lines, "job.failed")} == {"debug"}


def test_connections_that_died_cost_no_verdict(
    postgresql_url: str, server: ClosedServer, sandbox: Sandbox
) -> None:
    """PostgreSQL was restarted while answers were on their way: each verdict goes by a new connection."""
    worker = WorkerWithSandbox(postgresql_url, sandbox)
    worker.connect()
    for number in range(10):
        worker.add(f"v-{number}")

    with armed("after_answer", nth=3, action=server.end_connections):
        scheduled(worker)
    scheduled(worker)

    statuses = worker.rows("SELECT status, count(*) AS number FROM delivery GROUP BY status")
    worker.context.__exit__(None, None, None)
    assert statuses == [{"status": "sent", "number": 10}]
    assert len(worker.sandbox.invites()) == 10


@pytest.fixture
def full_disk(sqlite_url: str, sandbox: Sandbox) -> Iterator[tuple[WorkerWithSandbox, FullDisk]]:
    """Give a worker on SQLite, and a disk that will have no room for a page more."""
    worker = WorkerWithSandbox(sqlite_url, sandbox)
    worker.connect()
    worker.add(notes=LONG)
    disk = FullDisk(worker.context.database.engine)
    yield worker, disk
    disk.come_back()
    worker.context.__exit__(None, None, None)


def test_a_full_disk_is_told_as_an_error_and_loses_no_verdict(
    full_disk: tuple[WorkerWithSandbox, FullDisk], lines: list[Any]
) -> None:
    """The verdict waits for room, and the service goes on by itself."""
    worker, disk = full_disk
    with ThreadPoolExecutor(1) as pool, armed("after_answer", action=disk.go):
        run = pool.submit(scheduled, worker)
        wait_until(lambda: bool(told(lines, "database.unreachable")))
        disk.come_back()
        run.result()

    (line,) = told(lines, "database.unreachable")
    assert (line["error_code"], line["log_level"]) == ("disk_full", "error")
    assert "make room" in line["hint"]
    assert worker.delivery()["status"] == "sent"
    assert len(worker.sandbox.invites()) == 1


def test_nothing_is_claimed_on_a_full_disk(full_disk: tuple[WorkerWithSandbox, FullDisk]) -> None:
    """The intent does not fit, so nothing is sent; run-once ends with 74, and with room it goes out."""
    worker, disk = full_disk
    disk.go()
    result = execute(worker.context, PUSH, trigger="manual")

    assert result.codes == {ExitCode.DISK_FULL}
    assert worker.sandbox.invites() == []
    disk.come_back()
    assert scheduled(worker).report.counts["sent"] == 1


def test_a_verdict_that_the_full_disk_does_not_take_is_printed(
    full_disk: tuple[WorkerWithSandbox, FullDisk], lines: list[Any]
) -> None:
    """A process that is to end says what it knows, and ends with 74."""
    worker, disk = full_disk

    def fill_and_stop() -> None:
        disk.go()
        worker.context.stop.set()

    with armed("after_answer", action=fill_and_stop):
        result = execute(worker.context, PUSH, trigger="manual")

    (printed,) = told(lines, "invite.unknown")
    assert printed["error_code"] == "verdict_not_stored"
    assert printed["envoy_invite_id"] == worker.sandbox.invites()[0]["id"]
    assert ExitCode.DISK_FULL in result.codes


def test_a_verdict_that_nothing_can_store_is_printed(
    sqlite_url: str, sandbox: Sandbox, lines: list[Any]
) -> None:
    """Whatever keeps it from being stored, the answer is not lost in silence once the process is to end."""
    worker = WorkerWithSandbox(sqlite_url, sandbox)
    worker.connect()
    worker.add()

    def break_and_stop() -> None:
        worker.execute("ALTER TABLE attempt RENAME TO attempt_away")
        worker.context.stop.set()

    with armed("after_answer", action=break_and_stop):
        result = scheduled(worker)
    worker.context.__exit__(None, None, None)

    assert isinstance(result.error, SchemaError)
    (printed,) = told(lines, "invite.unknown")
    assert printed["envoy_invite_id"] == worker.sandbox.invites()[0]["id"]
