"""What is repeated at once, in the calling thread: what surely did nothing, and soon.

Everything longer is a stored time (``next_attempt_at``, a hold), so that no thread sleeps.
"""

import itertools
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
)

from worker.backoff import BackOff, by_attempt
from worker.envoy.http.failures import PASSING
from worker.errors import EnvoyError, NotSent, OutcomeUnknown, Stopping, Throttled

MOST_ATTEMPTS = 3
BUDGET_SECONDS = 20.0
_read_wait = by_attempt(BackOff(0.5, 5).anything_up_to)
_quick_wait = by_attempt(BackOff(0.1, 1).anything_up_to)

_P = ParamSpec("_P")
_R = TypeVar("_R")

_log = structlog.get_logger()


def was_not_sent(error: BaseException) -> bool:
    """Return whether no byte left this host, for a reason that may be gone in a moment."""
    return isinstance(error, NotSent) and error.error_code in PASSING


def is_harmless_to_read_again(error: BaseException) -> bool:
    """Return whether a GET that ended like this may be repeated."""
    return was_not_sent(error) or isinstance(error, Throttled | OutcomeUnknown)


class Repeating:
    """Calls a function, and again where its error says that this does no harm.

    tenacity decides about repetitions; until something has failed, none of it is built.
    """

    def __init__(
        self,
        repeatable: Callable[[BaseException], bool],
        wait: Callable[[RetryCallState], float],
        stop: threading.Event,
        before: Callable[[], None],
    ) -> None:
        """Call *before* before each attempt; *stop* ends the waits."""
        self._repeatable = repeatable
        self._wait = wait
        self._stop = stop
        self._before = before

    def __call__(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Return what *function* returns, or raise the error of the last attempt."""
        began = time.monotonic()
        self._before()
        try:
            return function(*args, **kwargs)
        except EnvoyError as error:
            # Never a "not" predicate: those would repeat KeyboardInterrupt and SystemExit as well.
            if not self._repeatable(error):
                raise
            first = error
        return self._again(first, began, partial(function, *args, **kwargs))

    def _again(self, first: EnvoyError, began: float, call: Callable[[], _R]) -> _R:
        attempts = itertools.count()

        def attempt() -> _R:
            if next(attempts) == 0:
                raise first  # it was made already
            self._before()
            return call()

        repeated: _R = self._policy(time.monotonic() - began)(attempt)
        return repeated

    def _policy(self, spent_seconds: float) -> Retrying:
        return Retrying(
            retry=retry_if_exception(self._repeatable),
            wait=self._wait,
            stop=stop_after_attempt(MOST_ATTEMPTS)
            | stop_before_delay(BUDGET_SECONDS - spent_seconds)
            | stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            before_sleep=_announce,
            reraise=True,
        )


def read_policy(stop: threading.Event) -> Repeating:
    """Return the policy of reads: 3 attempts, the last begun within 20 s; after *stop* none is begun.

    So whatever is made of many reads, such as the pages of a list, ends with the one in flight, by the
    error Stopping.  A Retry-After beyond the budget makes the error go up at once.
    """
    return Repeating(is_harmless_to_read_again, _wait_as_asked, stop, lambda: _require_time(stop))


def unsent_policy(stop: threading.Event) -> Repeating:
    """Return the policy of writes: only what was not sent, 3 quick attempts; *stop* ends the waits."""
    return Repeating(was_not_sent, _quick_wait, stop, _nothing_before)


def _nothing_before() -> None:
    pass


def _require_time(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopping("the worker is stopping")


def _wait_as_asked(state: RetryCallState) -> float:
    # Not capped below the budget: a longer Retry-After shall end the attempts, not be cut short.
    return max(_read_wait(state), _error(state).retry_after or 0.0)


def _announce(state: RetryCallState) -> None:
    error = _error(state)
    _log.warning(
        "envoy.retry",
        attempt=state.attempt_number,
        error_code=error.error_code,
        wait_seconds=round(state.upcoming_sleep, 3),
    )


def _error(state: RetryCallState) -> EnvoyError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, EnvoyError) else EnvoyError()
