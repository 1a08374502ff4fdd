"""Refresh grants that nothing has used for long, well before their refresh token dies.

A grant in use is refreshed by anyone who uses it.  One without visits would lapse unnoticed: Envoy's
refresh tokens end after a time that each token answer states.

Parameters: `max_idle` (604800 s): a grant not refreshed for so long, or for a quarter of its refresh
token's life, is refreshed now.
"""

from worker.report import Report
from worker.runs import RunContext, Seconds


def run(context: RunContext, *, max_idle: Seconds = 604_800) -> Report:
    """Refresh the idle grants."""
    return context.tokens.keep_fresh(max_idle=max_idle, only=context.connection)
