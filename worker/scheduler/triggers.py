"""When a job runs next, counted from now.

APScheduler's own triggers count from the run before.  After a jump of the wall clock they would name one run
for each that was passed over, sixty million for a clock that went ten years ahead, and after a step back the
next one would lie as far ahead as the step.
"""

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from worker.backoff import spread
from worker.errors import SettingsError
from worker.runs import ResolvedJob

LEAST = timedelta(microseconds=1)


class Every(BaseTrigger):  # type: ignore[misc]  # it has no types
    """At once, and then again and again after so many seconds."""

    def __init__(self, seconds: float, jitter: float = 0.0) -> None:
        """Take the time between two runs, and how much longer it may be."""
        self._interval = timedelta(seconds=seconds)
        self._jitter = jitter

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next run: in step with the one before, unless that is out of step with the clock."""
        if previous_fire_time is None:
            return now
        following = previous_fire_time + self._interval
        if not now < following <= now + self._interval:
            following = now + self._interval
        return following + timedelta(seconds=spread(0, self._jitter))


class Cron(BaseTrigger):  # type: ignore[misc]  # it has no types
    """At the times that a line of cron names, by UTC."""

    def __init__(self, line: str, jitter: float = 0.0) -> None:
        """Take the five fields, and how much later a run may be; ValueError where they make no sense."""
        self._times = CronTrigger.from_crontab(line, timezone=UTC)
        self._times.jitter = jitter or None

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next run after now; None if there is none, ever."""
        after = now if previous_fire_time is None else now + LEAST
        following: datetime | None = self._times.get_next_fire_time(None, after)
        return following


def trigger_of(job: ResolvedJob) -> BaseTrigger:
    """Return when a job runs; ``cron`` goes by UTC.

    Raises:
        SettingsError: its schedule makes no sense.
    """
    settings = job.settings
    if settings.every is not None:
        return Every(settings.every, settings.jitter)
    try:
        return Cron(str(settings.cron), settings.jitter)
    except ValueError as error:
        raise SettingsError(f"jobs.{job.name}.cron: {error}") from None
