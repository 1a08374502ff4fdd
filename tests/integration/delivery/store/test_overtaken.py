"""Every conditional UPDATE of a delivery, with somebody else at the row first: who comes second sees it.

Each case is one guard.  The first party has looked, and decided on what it saw; before its statement takes
effect the other one acts.  Then the first must change nothing, and be told so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests import worker_rows
from tests.integration.delivery.contested_row import DEFERRED, FAR, IN_DOUBT, REFUSED, SENT, ContestedRow
from tests.integration.delivery.decided_writes import (
    Write,
    claiming,
    finishing,
    giving_up,
    making_anew,
    reopening,
    resolving,
    retrying,
    retrying_all,
    storing,
    taking_back,
    withdrawing,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.interleaving import overtaken, stored
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Settled
from worker.delivery.store.finishing import settle_without_call
from worker.delivery.store.verdicts import Stored
from worker.errors import UsageError
from worker.invites import Kind, Status, moves


def paused(contested_row: ContestedRow) -> None:
    """Let an operator pause the connection."""
    worker_rows.pause(contested_row.worker)


def removed(contested_row: ContestedRow) -> None:
    """Let an operator remove the connection."""
    worker_rows.remove_connection(contested_row.worker)


def out(contested_row: ContestedRow) -> None:
    """Let another worker find Envoy's host out."""
    worker_rows.add_host(contested_row.worker, contested_row.worker.context.gate.host, hold_count=1)


def answered(outcome: Outcome) -> Callable[[ContestedRow], object]:
    """Let the attempt's own process store its verdict after all."""
    return lambda contested_row: contested_row.attempt.store(outcome)


def tried(outcome: Outcome) -> Callable[[ContestedRow], None]:
    """Let another worker have the row, whose attempt ends so."""
    return lambda contested_row: contested_row.tried(outcome)


def claimed_again(contested_row: ContestedRow) -> None:
    """Let the attempt end in a deferral, and the next one be on its way."""
    contested_row.attempt.store(DEFERRED)
    contested_row.begin(Kind.UPDATE)


def given_up(contested_row: ContestedRow) -> None:
    """Let another worker give the attempt up, so that it is due again at once."""
    contested_row.end_lease()


def finishes(contested_row: ContestedRow) -> None:
    """Let another worker find that nothing has to be sent."""
    settle_without_call(contested_row.database, [(contested_row.due(), Settled(Status.EXPIRED))])


@dataclass(frozen=True)
class Case:
    """What the first party does, what the second does in between, and what the first is told."""

    first: Callable[[ContestedRow], Write]
    second: Callable[[ContestedRow], object]
    sees: object


changes: Callable[[ContestedRow], object] = ContestedRow.change
begins: Callable[[ContestedRow], object] = ContestedRow.begin
tries_again: Callable[[ContestedRow], object] = ContestedRow.try_again
resends: Callable[[ContestedRow], object] = ContestedRow.resend
has_resent: Callable[[ContestedRow], object] = ContestedRow.give_up_and_resend
FOUND = replace(SENT, envoy_invite_id="99")
UPDATE_SENT = storing(SENT, Kind.UPDATE)

CASES = {
    "a claim: the caller changed the row": Case(claiming, changes, None),
    "a claim: another has claimed it": Case(claiming, begins, None),
    "a claim: another has tried it": Case(claiming, tried(DEFERRED), None),
    "a claim: another has finished it": Case(claiming, finishes, None),
    "a claim: it is due later": Case(claiming, lambda one: one.stand(next_attempt_at=FAR), None),
    "a claim: its connection is paused": Case(claiming, paused, None),
    "a claim: its grant is gone": Case(claiming, removed, None),
    "a claim: the host is out": Case(claiming, out, None),
    "a claim: its twin is in doubt": Case(claiming, ContestedRow.twin, None),
    "finishing: the caller changed the row": Case(finishing, changes, []),
    "finishing: another has claimed it": Case(finishing, begins, []),
    "finishing: another has tried it": Case(finishing, tried(DEFERRED), []),
    "finishing: another has finished it": Case(finishing, finishes, []),
    "a success: the next attempt is on its way": Case(storing(SENT), tries_again, Stored.OTHER_ID),
    "a success: a person had it sent again": Case(storing(SENT), has_resent, Stored.OTHER_ID),
    "a doubt: the next attempt is on its way": Case(storing(IN_DOUBT), tries_again, Stored.STALE),
    "a doubt: a person had it sent again": Case(storing(IN_DOUBT), has_resent, Stored.STALE),
    "a deferral: the next attempt is on its way": Case(
        storing(DEFERRED, Kind.UPDATE), tries_again, Stored.STALE
    ),
    "a deferral: it was given up, and is due": Case(storing(DEFERRED, Kind.UPDATE), given_up, Stored.STALE),
    "a refusal: the next attempt is on its way": Case(
        storing(REFUSED, Kind.UPDATE), tries_again, Stored.STALE
    ),
    "giving up a create: it was answered": Case(giving_up(Kind.CREATE), answered(FOUND), False),
    "giving up a create: it is in doubt already": Case(giving_up(Kind.CREATE), answered(IN_DOUBT), False),
    "giving up an update: it was answered": Case(giving_up(Kind.UPDATE), answered(DEFERRED), False),
    "giving up an update: the next one is on its way": Case(giving_up(Kind.UPDATE), claimed_again, False),
    "taking back: it was given up, and sent again": Case(taking_back(Kind.CREATE), tries_again, False),
    "taking back: it was given up, and is due": Case(taking_back(Kind.UPDATE), given_up, False),
    "taking back: a person had it sent again": Case(taking_back(Kind.CREATE), has_resent, False),
    "reopening: the caller changed the row": Case(reopening, changes, None),
    "reopening: it is not wanted, and was withdrawn": Case(
        reopening, lambda one: one.stand(status="withdrawn"), None
    ),
    "a retry: the caller changed the row": Case(retrying, changes, UsageError),
    "a retry: another person retried it, and it is on its way": Case(
        retrying, lambda one: (moves.retry_rejected(one.database, "acme"), one.begin()), UsageError
    ),
    "a retry of all: the caller changed the row": Case(retrying_all, changes, 0),
    "resent: a late answer came": Case(resolving(None), answered(FOUND), UsageError),
    "resent: another person resent it": Case(resolving(None), resends, UsageError),
    "resolved: a late answer came": Case(resolving("88"), answered(FOUND), UsageError),
    "resolved: another person had it sent again": Case(resolving("88"), resends, UsageError),
    "made again: the caller changed the row": Case(making_anew, changes, UsageError),
    "made again: another person had it made again": Case(making_anew, resends, UsageError),
    "withdrawn: the caller withdrew it": Case(
        withdrawing, lambda one: moves.withdraw(one.database, one.standing()), False
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whoever_comes_second_changes_no_row_and_is_told(
    shared_worker: WorkerWithSandbox, case: Case
) -> None:
    """What the first party saw is not so any more; its UPDATE finds nothing."""
    contested_row = ContestedRow(shared_worker)
    write = case.first(contested_row)
    left: dict[str, object] = {}

    def in_between() -> None:
        case.second(contested_row)
        left.update(stored(contested_row.database))

    table = "invite" if case.first is withdrawing else "delivery"
    with overtaken(contested_row.database, in_between, at=table):
        sees = write()

    assert sees == case.sees
    assert stored(contested_row.database) == left
