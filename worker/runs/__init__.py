"""Run a job: resolve it, take its lease, record the run, emit the canonical line.

Files:

context: What a job is handed: the process's context, and what this run is about.
doubts: Whether the database's clock is believed, before a job does what cannot be undone.
execute: Execute one run of a job, by schedule or by hand, and say what came of it.
importing: Import job modules, each judged before a line of it runs.
lease: One place at a time: a job's stored lease, free again at once when its owner is dead.
model: The tables ``job`` and ``job_run``: each job's lease and last run, and the runs that did something.
record: Remember runs: the last one of each job, and in full those that did something.
resolve: Turn the jobs of settings.toml into functions, and check their parameters before anything runs.
standing: How the jobs stand: when each last ran, with what result, and when it runs next.
unfit: What the error of a run means for the process: it ends for what no later run will find repaired.
"""

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
