"""Run a job: resolve it, take its lease, record the run, emit the canonical line."""

from worker.runs.context import RunContext, Seconds
from worker.runs.execute import RunResult, execute
from worker.runs.resolve import ResolvedJob, resolve_all

__all__ = ["ResolvedJob", "RunContext", "RunResult", "Seconds", "execute", "resolve_all"]
