"""Run a job: resolve it, take its lease, record the run, emit the canonical line."""

from worker.runs.context import RunContext, Seconds
from worker.runs.doubts import Doubt, confirmed_time, known_doubt
from worker.runs.execute import RunResult, execute
from worker.runs.resolve import ResolvedJob, resolve_all

__all__ = [
    "Doubt",
    "ResolvedJob",
    "RunContext",
    "RunResult",
    "Seconds",
    "confirmed_time",
    "execute",
    "known_doubt",
    "resolve_all",
]
