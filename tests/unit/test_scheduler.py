"""Schedules: when a job runs, and what is said of runs that do not take place."""

from datetime import UTC, datetime

import pytest
from apscheduler.events import (
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from structlog.testing import capture_logs

from worker.errors import SettingsError
from worker.report import Report
from worker.runs import ResolvedJob
from worker.scheduler import Misses, trigger_of
from worker.settings import JobSettings

SUNDAY = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)


def job(**schedule: object) -> ResolvedJob:
    """Return a job of that schedule."""
    settings = JobSettings.model_validate({"run": "jobs.x:run", **schedule})
    return ResolvedJob("x", lambda _context: Report(), {}, exclusive=True, settings=settings)


def test_an_interval_may_be_shorter_than_a_second() -> None:
    """It is not rounded up to one."""
    trigger = trigger_of(job(every=0.5))

    first = trigger.get_next_fire_time(SUNDAY, SUNDAY)

    assert (first - SUNDAY).total_seconds() == 0.5


def test_cron_goes_by_utc_and_by_the_names_of_weekdays() -> None:
    """Monday is Monday, and the night in which clocks change has its hour once."""
    trigger = trigger_of(job(cron="30 1 * * mon"))

    assert trigger.get_next_fire_time(None, SUNDAY) == datetime(2027, 3, 29, 1, 30, tzinfo=UTC)


def test_a_nonsensical_cron_names_its_key() -> None:
    """The operator sees which job's line to mend."""
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
