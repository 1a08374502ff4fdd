"""Push pending invites to Envoy, each exactly once.

Envoy takes no idempotency key, so the intent of each attempt is committed before its first byte is
sent.  An invite that Envoy refuses is `rejected`, one whose answer was lost or strange is `unknown` and
left to `reconcile_invites`; whatever surely was not executed is `deferred` and comes again.  A
connection that is held, or whose grant is dead, is passed over and uses up no attempts; the others go on.

In a service it also runs at once when a caller has written something.

Parameters: `max_seconds` (300) ends a scheduled run early; the next one goes on where it ended.
"""

import math

from worker.delivery.push import Push
from worker.delivery.recovery.restored import remind
from worker.delivery.store.database_away import MANUAL_SECONDS
from worker.report import Report
from worker.runs import RunContext, Seconds

EXCLUSIVE = False
ON_ARRIVAL = True


def run(context: RunContext, *, max_seconds: Seconds = 300) -> Report:
    """Push what is due, by hand until nothing is, and say what became of it."""
    report = Push(
        database=context.database,
        api=context.api,
        tokens=context.tokens,
        holds=context.holds,
        gate=context.gate,
        healing=context.healing,
        settings=context.settings.push,
        stop=context.stop,
        wall_clock=context.wall_clock,
        run_id=context.run_id,
        journal=context.journal,
        news=lambda: context.arrivals.count,
        first_look=context.settings.reconcile.look_up_after[0],
        marker=context.settings.reconcile.marker,
        connection=context.connection,
        limit=context.limit,
        max_seconds=max_seconds if context.scheduled else None,
        patience_seconds=math.inf if context.scheduled else MANUAL_SECONDS,
    ).run()
    remind(context.database, report)
    return report
