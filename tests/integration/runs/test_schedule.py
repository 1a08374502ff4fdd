"""The schedule under a wall clock that is set while it runs, with jobs of a test's own."""

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.waiting import wait_until
from worker.arrivals import announce
from worker.clock import WallClock
from worker.context import Context
from worker.database import Database
from worker.report import Report
from worker.runs import RunContext
from worker.runs.standing import standing
from worker.scheduler import Schedule
from worker.settings import Secrets
from worker.settings.loading import build

HOURLY = {"run": "clock_jobs:hourly", "every": 3600}
YEARLY = {"run": "clock_jobs:yearly", "cron": "0 0 1 1 *"}
ENDS = 40
FAR = "2099-01-01T00:00:00.000Z"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, threading.Semaphore]:
    """Register two jobs that count their runs."""
    module = ModuleType("clock_jobs")
    counts = {name: threading.Semaphore(0) for name in ("hourly", "yearly")}

    def counting(name: str) -> Callable[[RunContext], Report]:
        def run(_context: RunContext) -> Report:
            counts[name].release()
            return Report()

        return run

    for name in counts:
        setattr(module, name, counting(name))
    monkeypatch.setitem(sys.modules, "clock_jobs", module)
    return counts


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """Give a process's parts on a fresh database, with these jobs."""
    env = {"DATABASE_URL": database_url}
    settings = build({"jobs": {"hourly": HOURLY, "yearly": YEARLY}}, env)
    with Context(settings, Secrets(env), env) as made:
        yield made


def next_run(context: Context, job: str) -> datetime | None:
    """Return when `status` says that a job runs next."""
    return standing(context.database, [job])[job].next_run_at


def test_after_a_jump_all_jobs_are_scheduled_anew(
    context: Context, ran: dict[str, threading.Semaphore]
) -> None:
    """One with an interval runs at once, one at a time of day waits for it, and `status` shows when."""
    wrong = [timedelta(), timedelta(seconds=-3600)]
    context.wall_clock = WallClock(lambda: datetime.now(UTC) + wrong[0])
    schedule = Schedule(context)
    at = worker_rows.At(context.database)
    worker_rows.add_job(at, "yearly", next_run_at=FAR)
    schedule.start()
    assert ran["hourly"].acquire(timeout=10)
    wait_until(lambda: _is_near(next_run(context, "yearly")))
    worker_rows.set_jobs(at, next_run_at=FAR)

    with capture_logs() as logs:
        schedule.heed_clock()
        assert not ran["hourly"].acquire(timeout=0.2), "nothing has happened"
        wrong.pop(0)
        wait_until(lambda: heeded_and_ran(schedule, ran["hourly"]))
        wait_until(lambda: _is_near(next_run(context, "yearly")) and _is_near(next_run(context, "hourly")))
    schedule.shutdown()

    told = [line for line in logs if line["event"] == "worker.clock_jumped"]
    assert [(line["seconds"], line["log_level"]) for line in told] == [(-3600.0, "warning")]
    assert not ran["yearly"].acquire(blocking=False)


def heeded_and_ran(schedule: Schedule, runs: threading.Semaphore) -> bool:
    """Let the schedule look at both clocks, and say whether a job has run since it was asked last."""
    schedule.heed_clock()
    return runs.acquire(timeout=0.1)


def _is_near(moment: datetime | None) -> bool:
    return moment is not None and moment < datetime.now(UTC) + timedelta(days=367)


def test_a_schedule_that_is_ended_as_it_begins_ends(
    context: Context, ran: dict[str, threading.Semaphore]
) -> None:
    """Anyone who ends it waits for its threads, which must not wait for it in turn; chance says when."""
    assert not ran["hourly"].acquire(blocking=False)
    for _ in range(ENDS):
        schedule = Schedule(context)
        schedule.start()
        end = threading.Thread(target=schedule.shutdown, daemon=True)
        end.start()
        end.join(timeout=20)
        assert not end.is_alive()


class Arriving:
    """A job that runs once a day and when callers have written; it can be kept at work."""

    def __init__(self) -> None:
        """Let it end at once."""
        self.ran = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()

    def run(self, _context: RunContext) -> Report:
        """Run."""
        self.ran.release()
        self.may_end.wait(30)
        return Report()


@pytest.fixture
def arriving(monkeypatch: pytest.MonkeyPatch) -> Arriving:
    """Register that job."""
    module, job = ModuleType("arriving_job"), Arriving()
    module.run = job.run  # type: ignore[attr-defined]
    module.ON_ARRIVAL = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arriving_job", module)
    return job


@pytest.fixture
def schedule(database_url: str, arriving: Arriving) -> Iterator[Schedule]:
    """Give the schedule of a service that is idle, and would hear of the next arrival."""
    env = {"DATABASE_URL": database_url}
    settings = build({"jobs": {"arriving": {"run": "arriving_job:run", "every": 86_400}}}, env)
    with Context(settings, Secrets(env), env) as made:
        schedule = Schedule(made)
        schedule.start()
        assert arriving.ran.acquire(timeout=10), "it runs at the start"
        wait_until(lambda: made.arrivals.count == 1)  # what came before it listened
        while arriving.ran.acquire(timeout=1):  # which may have been one more run
            pass
        yield schedule
        arriving.may_end.set()
        made.stop.set()
        schedule.shutdown()


@pytest.mark.usefixtures("schedule")
def test_a_job_runs_when_a_caller_has_written(database: Database, arriving: Arriving) -> None:
    """Though its next run is a day ahead."""
    arrive(database)

    assert arriving.ran.acquire(timeout=10)


@pytest.mark.usefixtures("schedule")
def test_what_arrives_during_a_run_is_followed_by_another(database: Database, arriving: Arriving) -> None:
    """The one at work may have looked before; there are never two at once, and nothing is missed."""
    arriving.may_end.clear()
    arrive(database)
    assert arriving.ran.acquire(timeout=10)
    arrive(database)
    beside = arriving.ran.acquire(timeout=1)
    arriving.may_end.set()

    assert not beside
    assert arriving.ran.acquire(timeout=10)


def arrive(database: Database) -> None:
    """Commit what a caller would."""
    with database.write() as connection:
        announce(connection)
