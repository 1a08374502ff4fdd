"""How the service ends: with 0 where it leaves nothing behind, else with 1, and a word on what it left.

Where it ends by itself, the error that ended it has its own exit code, and is told instead.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass, field

import structlog

from worker.context import Context
from worker.database.failures import DATABASE_ERRORS
from worker.database.troubles import code_of
from worker.delivery.store import unstored
from worker.errors import ExitCode

log = structlog.get_logger()

NOT_STORED = (
    "verdicts_not_stored",
    "each is an event invite.unknown above: settle it by `envoy-worker invites resolve`, with its Envoy id",
)
TOKEN_NOT_SAVED = (
    "token_not_saved",
    "a new refresh token is lost: `envoy-worker directory --refresh` names those who must authorise again",
)
CUT_OFF = (
    "drain_too_slow",
    "requests were cut off; doubtful creates will be unknown at the next start",
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one service, begun now."""

    context: Context
    limit_seconds: float
    began: float = field(default_factory=time.monotonic)

    def limit(self) -> None:
        """End the process hard before a platform would: a thread in a request cannot be interrupted."""
        timer = threading.Timer(self.limit_seconds, self._cut_off)
        timer.daemon = True
        timer.start()

    def in_order(self) -> ExitCode:
        """Say that all has ended, and return the exit code."""
        if unstored.left():
            return self._told(*NOT_STORED)
        if not self._tokens_are_saved():
            return self._told(*TOKEN_NOT_SAVED)
        return self._told()

    def _cut_off(self) -> None:
        unstored.print_all()
        cut = unstored.in_progress() or self.context.tokens.in_progress
        left = NOT_STORED if unstored.left() else ()
        code = self._told(*(CUT_OFF if cut else left))
        if sys.stdout is not None:  # where the events went
            sys.stdout.flush()
        os._exit(code)

    def _tokens_are_saved(self) -> bool:
        try:
            self.context.tokens.close()
        except DATABASE_ERRORS:
            return False
        return True

    def _told(self, error_code: str = "", hint: str = "") -> ExitCode:
        lasted = round((time.monotonic() - self.began) * 1000)
        if (error := self.context.ended_by) is not None:
            log.error(
                "worker.stopped",
                duration_ms=lasted,
                error_code=code_of(error),
                detail=str(error),
                hint=error.hint,
            )
            return error.exit_code
        if error_code:
            log.error("worker.stopped", duration_ms=lasted, error_code=error_code, hint=hint)
            return ExitCode.UNEXPECTED
        log.info("worker.stopped", duration_ms=lasted)
        return ExitCode.DONE
