"""The jobs of one process on APScheduler, and what is said of runs that do not take place."""

import logging
import threading
from concurrent import futures
from contextlib import suppress
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

from worker.context import Context
from worker.errors import WorkerError
from worker.runs import execute, record, resolve_all
from worker.runs.context import SCHEDULE
from worker.scheduler.triggers import trigger_of

log = structlog.get_logger()

# APScheduler drops a run that is one second late, unless told otherwise: late is better than never.
JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
WATCHED = EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_EXECUTED


class Schedule:
    """All registered jobs, each when its settings say, by a wall clock that may be set at any time."""

    def __init__(self, context: Context) -> None:
        """Resolve the jobs; nothing is started yet.

        Raises:
            SettingsError: a reference, a parameter or a schedule does not fit.
        """
        self._context = context
        self._clock = context.wall_clock
        self._jobs = resolve_all(context.settings.jobs)
        self._triggers = {name: trigger_of(job) for name, job in self._jobs.items()}
        self._recorder = record.Recorder(context.database)
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(self._triggers))},
            job_defaults=JOB_DEFAULTS,
        )
        # What is done once is none of the scheduler's jobs: it looks for those after they have ended.
        self._beside = futures.ThreadPoolExecutor(len(self._triggers) + 1, thread_name_prefix="beside")
        # It warns of each run that it passes over; the listener says the same as an event of ours.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler.add_listener(Misses().listen, WATCHED)

    def start(self) -> None:
        """Run what has an interval at once, everything when it is due, and some when callers have written."""
        for name, trigger in self._triggers.items():
            self._scheduler.add_job(self._run, trigger, args=[name], id=name)
        self._scheduler.start()
        self._store_plan()
        if any(job.on_arrival for job in self._jobs.values()):
            self._context.arrivals.start(self._wake)

    def shutdown(self) -> None:
        """Begin no more runs, and return when those at work have ended."""
        self._scheduler.shutdown(wait=True)
        self._context.arrivals.end()
        self._beside.shutdown(wait=True)

    def heed_clock(self) -> None:
        """Count all due times again where the wall clock was set: they would wait for as long as the step."""
        if (seconds := self._clock.jumped()) == 0.0:
            self._scheduler.wakeup()  # it waits by a clock that stands still while the host is suspended
            return
        log.warning("worker.clock_jumped", seconds=round(seconds, 1))
        for name, trigger in self._triggers.items():
            due = trigger.get_next_fire_time(None, datetime.now(UTC))
            self._scheduler.modify_job(name, next_run_time=due)
        self._store_plan()

    def _wake(self) -> None:
        """Run what waits for arrivals; what is at work looks for them itself, or is run once more."""
        for name, job in self._jobs.items():
            if job.on_arrival and name not in self._at_work:
                # Not by the scheduler, which may take the run that has just ended for one at work.
                with suppress(RuntimeError):  # no thread is to be had: what arrived waits for the next run
                    self._beside.submit(self._run, name)

    def _run(self, name: str) -> None:
        """Run a job, and again where callers have written since it began: it may have looked before."""
        arrivals, again = self._context.arrivals, True
        while again and not self._context.stop.is_set() and self._begins(name):  # queued runs still come here
            seen = arrivals.count
            try:
                self._run_once(name)
            finally:
                self._at_work.discard(name)  # before the count is looked at: a run that comes then begins
            again = self._jobs[name].on_arrival and arrivals.count != seen

    def _begins(self, name: str) -> bool:
        with self._lock:
            begins = name not in self._at_work
            self._at_work.add(name)
        return begins

    def _run_once(self, name: str) -> None:
        now = datetime.now(UTC)
        following = self._triggers[name].get_next_fire_time(now, now)
        execute(
            self._context,
            self._jobs[name],
            trigger=SCHEDULE,
            next_run_at=following,
            recorder=self._recorder,
        )

    def _store_plan(self) -> None:
        """Have stored when each job runs next, without waiting for a database that is away."""
        # Asked for here: a scheduler that shuts down lets nobody ask it until its end.
        due = {job.id: job.next_run_time for job in self._scheduler.get_jobs() if job.next_run_time}

        def store() -> None:
            with suppress(WorkerError):  # it is told by the runs, and each run stores its own
                record.plan(self._context.database, due)

        with suppress(RuntimeError):  # no thread is to be had
            self._beside.submit(store)


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
