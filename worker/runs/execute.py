"""Execute one run of a job, by schedule or by hand, and say what came of it."""

import logging
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from worker.clock import boot_clock
from worker.context import Context
from worker.errors import ClockDoubted, ExitCode, WorkerError
from worker.invites.pending import oldest_due_seconds
from worker.report import Report
from worker.runs import record
from worker.runs.context import SCHEDULE, RunContext
from worker.runs.lease import job_lease
from worker.runs.resolve import ResolvedJob
from worker.runs.unfit import is_told_once, understood

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run came to; ``error`` is set where it ended early."""

    job: str
    report: Report
    duration_ms: int
    error: WorkerError | None = None
    ran_elsewhere: bool = False

    @property
    def codes(self) -> set[ExitCode]:
        """The exit codes of everything that happened."""
        return self.report.troubles | ({self.error.exit_code} if self.error else set())


def execute(
    context: Context,
    job: ResolvedJob,
    *,
    trigger: str,
    connection: str | None = None,
    limit: int | None = None,
    everything: bool = False,
    next_run_at: datetime | None = None,
    recorder: record.Recorder | None = None,
) -> RunResult:
    """Run *job* once; its errors are logged and returned, never raised.

    With a *recorder*, of the runs that do nothing only some are stored.
    """
    run = RunContext(context, uuid.uuid4().hex, trigger, connection, limit, everything)
    began = boot_clock()
    with structlog.contextvars.bound_contextvars(run_id=run.run_id, job=job.name):
        log.debug("job.started", trigger=trigger)
        report, error = Report(), None
        try:
            done = _run(run, job, next_run_at, recorder or record.Recorder(context.database))
        except Exception as raised:  # noqa: BLE001 -- a job's bug ends its run, never the process
            error = understood(context, raised) or _bug(raised)
        else:
            if done is None:
                return RunResult(job.name, report, 0, ran_elsewhere=True)
            report = done
        result = RunResult(job.name, report, round((boot_clock() - began) * 1000), error)
        _tell(context, result, trigger)
    return result


def _run(
    run: RunContext, job: ResolvedJob, next_run_at: datetime | None, recorder: record.Recorder
) -> Report | None:
    """Run a job under its lease and record the run; None if another process holds the lease."""
    run.database.troubles.tell()
    with _exclusively(run.context, job) as ours:
        if not ours:
            return None
        began = boot_clock()
        report, result = Report(), record.FAILED
        try:
            report = job(run)
            result = record.DONE
            # What nobody needs before tomorrow must not fail the run.
            with suppress(WorkerError):
                run.context.witness.keep_if_old()
        finally:
            # A run that failed because the database is away cannot be recorded, and is told all the same.
            with suppress(WorkerError) if result == record.FAILED else nullcontext():
                recorder.record(
                    record.Ended(
                        job=job.name,
                        run_id=run.run_id,
                        trigger=run.trigger,
                        seconds=boot_clock() - began,
                        result=result,
                        counts=dict(report.counts),
                        next_run_at=next_run_at,
                    )
                )
        return report


@contextmanager
def _exclusively(context: Context, job: ResolvedJob) -> Iterator[bool]:
    lease = job_lease(context.database, job.name) if job.exclusive else nullcontext(enter_result=True)
    with lease as ours:
        yield ours


def _bug(error: Exception) -> WorkerError:
    """Say where an unexpected error came from; its own text may hold a row, and is not shown."""
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    log.error(
        "job.failed",
        error_code="unexpected",
        error=type(error).__name__,
        frames=frames,
        hint="this is a bug: please report it",
    )
    return WorkerError(f"unexpected {type(error).__name__}; the log has the details")


def _tell(context: Context, result: RunResult, trigger: str) -> None:
    """Emit the canonical line of a run."""
    fields: dict[str, object] = {
        "trigger": trigger,
        "duration_ms": result.duration_ms,
        **result.report.counts,
    }
    if result.error is not None:
        _tell_error(result.error, trigger, fields)
        return
    if result.report.did_something or result.report.hint or log.is_enabled_for(logging.DEBUG):
        fields |= _oldest(context)
    if result.report.hint:
        coded = {"error_code": result.report.error_code} if result.report.error_code else {}
        log.warning("job.finished", **fields, **coded, hint=result.report.hint)
    else:
        (log.info if result.report.did_something else log.debug)("job.finished", **fields)


def _oldest(context: Context) -> dict[str, object]:
    try:
        oldest = oldest_due_seconds(context.database)
    except WorkerError:
        return {}
    return {} if oldest is None else {"oldest_pending_seconds": round(oldest, 1)}


def _tell_error(error: WorkerError, trigger: str, fields: dict[str, object]) -> None:
    """Say why a run ended early; what the others meet too is told by the database or the service, once."""
    said = {**fields, "error": str(error), "hint": error.hint}
    if isinstance(error, ClockDoubted):
        said["error_code"] = error.error_code
    if trigger == SCHEDULE and is_told_once(error):
        log.debug("job.failed", **said)
    elif error.exit_code is not ExitCode.UNEXPECTED:
        log.error("job.failed", **said)
