"""Do a transaction again that was rolled back for another's sake.

PostgreSQL ends a deadlock by rolling one side back (SQLSTATE 40P01), and may end two transactions that
cannot both be right in the same way (40001).  Nothing of the victim is stored; it is simply done again.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from worker.backoff import spread
from worker.errors import DatabaseConflict

TIMES = 5
LONGEST_PAUSE_SECONDS = 0.1  # so that two of our own do not meet again at once

Given = ParamSpec("Given")
Result = TypeVar("Result")


def repeated(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Call a function that writes again, a few times, where its transaction met a conflict.

    It holds one transaction.  Whatever it changes besides, such as a list or a counter of its caller's,
    it changes after the commit: all that comes before may happen several times.
    """

    @functools.wraps(function)
    def call(*values: Given.args, **named: Given.kwargs) -> Result:
        try:
            return function(*values, **named)
        except DatabaseConflict:  # rare, so that only then it costs anything
            return _again()(function, *values, **named)

    return call


def _again() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(DatabaseConflict),
        stop=stop_after_attempt(TIMES - 1),
        wait=lambda _: spread(0, LONGEST_PAUSE_SECONDS),
        reraise=True,
    )
