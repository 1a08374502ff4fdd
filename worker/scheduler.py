"""The schedule: jobs of settings.toml on APScheduler, in memory; what is due when stands in the settings."""

import logging
from datetime import UTC, datetime

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from worker.context import Context
from worker.errors import SettingsError
from worker.runs import ResolvedJob, execute, resolve_all
from worker.runs.context import SCHEDULE

log = structlog.get_logger()

# APScheduler drops a run that is one second late, unless told otherwise: late is better than never.
JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
WATCHED = EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_EXECUTED


def build(parts: Context) -> BackgroundScheduler:
    """Return a scheduler of all registered jobs, not started yet.

    Raises:
        SettingsError: a reference, a parameter or a schedule does not fit.
    """
    jobs = resolve_all(parts.settings.jobs)
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(jobs))},
        job_defaults=JOB_DEFAULTS,
    )
    for job in jobs.values():
        trigger = trigger_of(job)
        started_at_once = {} if job.settings.every is None else {"next_run_time": datetime.now(UTC)}
        scheduler.add_job(
            _run, trigger, args=[parts, job, trigger], id=job.name, replace_existing=True, **started_at_once
        )
    # It warns of each run that it passes over; the listener says the same as an event of ours.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler.add_listener(Misses().listen, WATCHED)
    return scheduler


def trigger_of(job: ResolvedJob) -> BaseTrigger:
    """Return when a job runs; ``cron`` goes by UTC."""
    settings = job.settings
    jitter = settings.jitter or None
    if settings.every is not None:
        return IntervalTrigger(seconds=settings.every, jitter=jitter, timezone=UTC)
    try:
        trigger = CronTrigger.from_crontab(settings.cron, timezone=UTC)
    except ValueError as error:
        raise SettingsError(f"jobs.{job.name}.cron: {error}") from None
    trigger.jitter = jitter
    return trigger


def _run(parts: Context, job: ResolvedJob, trigger: BaseTrigger) -> None:
    """Run a job, unless the process is ending: runs that were queued still come here."""
    if parts.stop.is_set():
        return
    now = datetime.now(UTC)
    execute(parts, job, trigger=SCHEDULE, next_run_at=trigger.get_next_fire_time(now, now))


class Misses:
    """Says which runs did not take place: once while a run still works, else each time."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._overlapping: set[str] = set()

    def listen(self, event: JobEvent) -> None:
        """Take one event of the scheduler; called by its threads."""
        job = event.job_id
        if event.code == EVENT_JOB_EXECUTED:
            self._overlapping.discard(job)
        elif event.code != EVENT_JOB_MAX_INSTANCES:
            log.warning("job.missed", job=job, error_code="not_started_in_time")
        elif job not in self._overlapping:
            self._overlapping.add(job)
            log.info("job.missed", job=job, error_code="still_running")
