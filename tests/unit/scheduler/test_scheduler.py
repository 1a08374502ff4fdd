"""Schedules: when a job runs, and what is said of runs that do not take place."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.events import (
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from structlog.testing import capture_logs

from worker.clock import WallClock
from worker.errors import SettingsError
from worker.report import Report
from worker.runs import ResolvedJob
from worker.scheduler import Misses, trigger_of
from worker.settings import JobSettings

SUNDAY = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
MUCH_LATER = SUNDAY + timedelta(days=3653)


def job(**schedule: object) -> ResolvedJob:
    """Return a job of that schedule."""
    settings = JobSettings.model_validate({"run": "jobs.x:run", **schedule})
    return ResolvedJob("x", lambda _context: Report(), {}, exclusive=True, settings=settings)


def test_an_interval_may_be_shorter_than_a_second() -> None:
    """It is not rounded up to one."""
    trigger = trigger_of(job(every=0.5))

    first = trigger.get_next_fire_time(SUNDAY, SUNDAY)

    assert (first - SUNDAY).total_seconds() == 0.5


@pytest.mark.parametrize("schedule", [{"every": 5}, {"cron": "* * * * *"}], ids=["every", "cron"])
def test_a_clock_that_went_ahead_makes_one_run_due(schedule: dict[str, object]) -> None:
    """Not one for each that was passed over, of which ten years have sixty millions."""
    trigger = trigger_of(job(**schedule))

    following = trigger.get_next_fire_time(SUNDAY, MUCH_LATER)

    assert MUCH_LATER < following <= MUCH_LATER + timedelta(minutes=1)


@pytest.mark.parametrize("schedule", [{"every": 5}, {"cron": "* * * * *"}], ids=["every", "cron"])
def test_a_clock_that_was_put_back_does_not_put_the_next_run_off(schedule: dict[str, object]) -> None:
    """It is counted from now, not from the run before, which lies ahead."""
    trigger = trigger_of(job(**schedule))

    following = trigger.get_next_fire_time(MUCH_LATER, SUNDAY)

    assert SUNDAY < following <= SUNDAY + timedelta(minutes=1)


def test_an_interval_stays_in_step() -> None:
    """A run that began a little late does not put off those after it."""
    trigger = trigger_of(job(every=5))

    assert trigger.get_next_fire_time(SUNDAY, SUNDAY + timedelta(seconds=1)) == SUNDAY + timedelta(seconds=5)


@pytest.mark.parametrize("schedule", [{"every": 5}, {"cron": "0 3 * * *"}], ids=["every", "cron"])
def test_jitter_makes_a_run_later_and_never_earlier(schedule: dict[str, object]) -> None:
    """By so many seconds at most."""
    exact = trigger_of(job(**schedule)).get_next_fire_time(SUNDAY, SUNDAY)

    jittered = trigger_of(job(**schedule, jitter=60)).get_next_fire_time(SUNDAY, SUNDAY)

    assert exact < jittered <= exact + timedelta(seconds=60)


class Clocks:
    """A wall clock and a boot clock that are turned by hand."""

    def __init__(self) -> None:
        """Begin."""
        self.wall, self.boot = SUNDAY, 1000.0

    def pass_by(self, seconds: float, *, wall: float | None = None) -> None:
        """Let time pass; the wall clock shows that *wall* seconds have."""
        self.boot += seconds
        self.wall += timedelta(seconds=seconds if wall is None else wall)


@pytest.fixture
def clocks() -> Clocks:
    """Give two clocks."""
    return Clocks()


@pytest.fixture
def wall_clock(clocks: Clocks) -> WallClock:
    """Give what compares them."""
    return WallClock(lambda: clocks.wall, lambda: clocks.boot)


@pytest.mark.parametrize("by", [-3600.0, -3.0, 3.0, 3.2e8])
def test_a_jump_is_said_once(clocks: Clocks, wall_clock: WallClock, by: float) -> None:
    """By how much the clock was set, in both directions."""
    clocks.pass_by(60, wall=60 + by)

    assert [wall_clock.jumped(), wall_clock.jumped()] == [pytest.approx(by), 0.0]


def test_steps_too_small_to_tell_add_up(clocks: Clocks, wall_clock: WallClock) -> None:
    """A clock that is put back again and again by a second is noticed all the same."""
    said = []
    for _ in range(4):
        clocks.pass_by(60, wall=59)
        said.append(wall_clock.jumped())

    assert said == [0.0, pytest.approx(-2.0), 0.0, pytest.approx(-2.0)]


def test_time_that_passes_in_sleep_is_no_jump(clocks: Clocks, wall_clock: WallClock) -> None:
    """Both clocks count it."""
    clocks.pass_by(36_000)

    assert wall_clock.jumped() == 0.0


def test_a_process_that_stood_still_between_both_looks_is_not_misled(clocks: Clocks) -> None:
    """A stop in the middle of the comparison looks like a jump, and is none."""
    looks = iter([1000.0, 1000.0])
    wall_clock = WallClock(lambda: clocks.wall, lambda: next(looks, 1060.0))
    clocks.pass_by(0, wall=60)  # it stood still after the look at the boot clock

    assert wall_clock.jumped() == 0.0
    assert wall_clock.jumped() == 0.0


def test_a_jump_is_seen_by_a_process_that_stood_still(clocks: Clocks) -> None:
    """Who asks is told the truth at once: what was on its way must not be given up for it."""
    looks = iter([1000.0, 1000.0])
    wall_clock = WallClock(lambda: clocks.wall, lambda: next(looks, 1060.0))
    clocks.pass_by(0, wall=60 + 3600)

    assert wall_clock.was_set_since(1000.0)
    assert wall_clock.jumped() == 3600.0


def test_cron_goes_by_utc_and_by_the_names_of_weekdays() -> None:
    """Monday is Monday, and the night in which clocks change has its hour once."""
    trigger = trigger_of(job(cron="30 1 * * mon"))

    assert trigger.get_next_fire_time(None, SUNDAY) == datetime(2027, 3, 29, 1, 30, tzinfo=UTC)


def test_a_nonsensical_cron_names_its_key() -> None:
    """The operator sees which job's line to repair."""
    with pytest.raises(SettingsError, match=r"jobs\.x\.cron"):
        trigger_of(job(cron="61 1 * * mon"))


def test_an_overlap_is_said_once_until_the_run_ends() -> None:
    """A long push does not fill the log with its own ticks; the next overlap is said again."""
    misses = Misses()
    with capture_logs() as logs:
        for code in (
            EVENT_JOB_MAX_INSTANCES,
            EVENT_JOB_MAX_INSTANCES,
            EVENT_JOB_EXECUTED,
            EVENT_JOB_MAX_INSTANCES,
        ):
            misses.listen(JobEvent(code, "x", "default"))

    assert [line["event"] for line in logs] == ["job.missed", "job.missed"]


def test_a_run_that_was_dropped_is_a_warning_each_time() -> None:
    """No run is missed in silence."""
    with capture_logs() as logs:
        Misses().listen(JobEvent(EVENT_JOB_MISSED, "x", "default"))

    assert [(line["event"], line["log_level"]) for line in logs] == [("job.missed", "warning")]
