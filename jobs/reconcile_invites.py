"""Look doubtful invites up in Envoy, and settle them without a person where that is safe.

An `unknown` invite is looked for several times, at the times of `[reconcile] look_up_after`.  Found:
`sent`.  Not found by the last look, and the same query finds an invite that is known: `pending`
again.  Anything less than clear is left `unknown` for a person, with Envoy's ids in `error_detail`.
A connection that may not read invites is passed over.

Parameters: `max_seconds` (60) ends a scheduled run early; the next one goes on where it ended.
"""

from worker.backoff import BackOff
from worker.delivery.reconcile.decision import Schedule
from worker.delivery.reconcile.look_up import Looking
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.run import Reconcile
from worker.delivery.recovery.restored import remind
from worker.report import Report
from worker.runs import RunContext, Seconds

EXCLUSIVE = False


def run(context: RunContext, *, max_seconds: Seconds = 60) -> Report:
    """Look up what is due, and say what became of it."""
    push, reconcile = context.settings.push, context.settings.reconcile
    schedule, database = Schedule(reconcile.look_up_after), context.database
    back_off = BackOff(*push.backoff_seconds)
    report = Reconcile(
        database=database,
        holds=context.holds,
        tokens=context.tokens,
        gate=context.gate,
        look_ups=LookUps(database, schedule, back_off=back_off, run_id=context.run_id),
        looking=Looking(
            database,
            context.api,
            context.tokens,
            schedule,
            marker=reconcile.marker,
        ),
        longest_wait=max(*reconcile.look_up_after, back_off.most),
        threads=push.lookers,
        rate_per_second=push.rate_per_second,
        stop=context.stop,
        connection=context.connection,
        max_seconds=max_seconds if context.scheduled else None,
    ).run()
    remind(context.database, report)
    return report
