"""Serve until a signal comes, then drain: nothing new is begun, what is in flight ends, and is stored.

A database that no restart repairs ends the service as a signal does: the run that met it tells the context.
"""

import faulthandler
import signal

import structlog

from worker import __version__
from worker.connections.damage import look_through
from worker.context import Context
from worker.database.owner import this_process
from worker.database.troubles import code_of
from worker.errors import ExitCode
from worker.scheduler import Schedule
from worker.service.ending import Ending
from worker.service.notify import notify, watchdog_seconds
from worker.stopping import end_signals

log = structlog.get_logger()

HARD_LIMIT_SECONDS = 25.0
HEARTBEAT_SECONDS = 1.0


def serve(context: Context, *, hard_limit_seconds: float = HARD_LIMIT_SECONDS) -> ExitCode:
    """Run the schedule until a signal to end comes, or the database turns out unfit; return the exit code.

    Raises:
        WorkerError: something that it needs from the start is missing.
    """
    faulthandler.enable()
    look_through(context.database, context.vault)
    # Blocked before any thread begins, so that the main thread alone takes them, and no handler runs.
    ends = end_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    schedule = Schedule(context)
    # Made once, before threads could make them twice.
    _ = context.tokens, context.holds, context.http, context.api, context.gate
    log.info("worker.started", version=__version__, owner=this_process(), jobs=list(context.settings.jobs))
    schedule.start()
    notify("READY=1")
    why = _wait_for_end(context, schedule, ends)
    notify("STOPPING=1")
    log.info("worker.stopping", **why)
    ending = Ending(context, hard_limit_seconds)
    context.end()
    ending.limit()
    schedule.shutdown()
    return ending.in_order()


def _wait_for_end(context: Context, schedule: Schedule, ends: set[signal.Signals]) -> dict[str, str]:
    """Return why to end, as soon as there is a reason.

    While it waits it gives systemd its signs of life, and looks whether the wall clock was set: whatever else
    waits in this process may wait by that clock.
    """
    every = watchdog_seconds()
    while context.ended_by is None:
        received = signal.sigtimedwait(ends, HEARTBEAT_SECONDS)
        # After a suspension (SIGSTOP, then SIGCONT) CPython may return a signal that was never there.
        if received is not None and received.si_signo in ends:
            return {"signal": signal.Signals(received.si_signo).name}
        schedule.heed_clock()
        if every is not None:
            notify("WATCHDOG=1")
    return {"error_code": code_of(context.ended_by)}
