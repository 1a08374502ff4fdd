"""Serve until a signal comes, then drain: nothing new is begun, what is in flight ends, and is stored."""

import faulthandler
import os
import signal
import sys
import threading
import time

import structlog

from worker import __version__, scheduler
from worker.connections.vault import require_readable
from worker.context import Context
from worker.database.owner import this_process
from worker.delivery import unstored
from worker.errors import ExitCode
from worker.service.notify import notify, watchdog_seconds

log = structlog.get_logger()

END_SIGNALS = {signal.SIGTERM, signal.SIGINT}
HARD_LIMIT_SECONDS = 25.0
HEARTBEAT_SECONDS = 1.0


def serve(parts: Context) -> ExitCode:
    """Run the schedule until SIGTERM or SIGINT; return the exit code.

    Raises:
        WorkerError: something that it needs from the start is missing.
    """
    faulthandler.enable()
    # Blocked before any thread begins, so that the main thread alone takes them, and no handler runs.
    signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    require_readable(parts.database, parts.vault)
    schedule = scheduler.build(parts)
    _ = parts.tokens, parts.holds, parts.api, parts.gate  # made once, before threads could make them twice
    log.info("worker.started", version=__version__, owner=this_process(), jobs=list(parts.settings.jobs))
    schedule.start()
    notify("READY=1")
    received = _wait_for_end()
    notify("STOPPING=1")
    log.info("worker.stopping", signal=signal.Signals(received).name)
    began = time.monotonic()
    parts.stop.set()
    _limit(began)
    schedule.shutdown(wait=True)
    log.info("worker.stopped", duration_ms=round((time.monotonic() - began) * 1000))
    return ExitCode.DONE


def _wait_for_end() -> int:
    """Wait for an end signal, giving systemd its signs of life meanwhile."""
    every = watchdog_seconds()
    while True:
        received = signal.sigtimedwait(END_SIGNALS, HEARTBEAT_SECONDS)
        # After a suspension (SIGSTOP, then SIGCONT) CPython may return a signal that was never there.
        if received is not None and received.si_signo in END_SIGNALS:
            return received.si_signo
        if every is not None:
            notify("WATCHDOG=1")


def _limit(began: float) -> None:
    """End the process hard before a platform would: a thread in a request cannot be interrupted."""

    def end() -> None:
        unstored.print_all()
        log.error(
            "worker.stopped",
            duration_ms=round((time.monotonic() - began) * 1000),
            error_code="drain_too_slow",
            hint="requests were cut off; doubtful creates will be unknown at the next start",
        )
        sys.stdout.flush()
        os._exit(ExitCode.UNEXPECTED)

    timer = threading.Timer(HARD_LIMIT_SECONDS, end)
    timer.daemon = True
    timer.start()
