"""Serve until a signal comes, then drain: nothing new is begun, what is in flight ends, and is stored."""

import faulthandler
import signal

import structlog

from worker import __version__, scheduler
from worker.connections.vault import require_readable
from worker.context import Context
from worker.database.owner import this_process
from worker.errors import ExitCode
from worker.service.ending import Ending
from worker.service.notify import notify, watchdog_seconds
from worker.stopping import end_signals

log = structlog.get_logger()

HARD_LIMIT_SECONDS = 25.0
HEARTBEAT_SECONDS = 1.0


def serve(parts: Context, *, hard_limit_seconds: float = HARD_LIMIT_SECONDS) -> ExitCode:
    """Run the schedule until a signal to end comes; return the exit code.

    Raises:
        WorkerError: something that it needs from the start is missing.
    """
    faulthandler.enable()
    require_readable(parts.database, parts.vault)
    # Blocked before any thread begins, so that the main thread alone takes them, and no handler runs.
    ends = end_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    schedule = scheduler.build(parts)
    _ = parts.tokens, parts.holds, parts.api, parts.gate  # made once, before threads could make them twice
    log.info("worker.started", version=__version__, owner=this_process(), jobs=list(parts.settings.jobs))
    schedule.start()
    notify("READY=1")
    received = _wait_for_end(ends)
    notify("STOPPING=1")
    log.info("worker.stopping", signal=signal.Signals(received).name)
    ending = Ending(parts, hard_limit_seconds)
    parts.end()
    ending.limit()
    schedule.shutdown(wait=True)
    return ending.in_order()


def _wait_for_end(ends: set[signal.Signals]) -> int:
    """Wait for an end signal, giving systemd its signs of life meanwhile."""
    every = watchdog_seconds()
    while True:
        received = signal.sigtimedwait(ends, HEARTBEAT_SECONDS)
        # After a suspension (SIGSTOP, then SIGCONT) CPython may return a signal that was never there.
        if received is not None and received.si_signo in ends:
            return received.si_signo
        if every is not None:
            notify("WATCHDOG=1")
