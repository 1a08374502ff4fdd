"""The journal of the model: what two workers of one process have handed it is one commit, or none.

A commit of more holds nothing new: each of its statements decides on the rows as they were before it.
"""

from collections.abc import Iterator
from itertools import combinations

from tests.delivery_model import decisions, workers
from tests.delivery_model.scope import Scope
from tests.delivery_model.state import State, Worker
from worker.delivery.plan import Call
from worker.invites import Status

IN_DOUBT = (Status.SENDING, Status.UNKNOWN)


def moves(state: State, scope: Scope) -> Iterator[workers.Move]:
    """Yield the commits of two entries of different rows."""
    waiting = [one for one in state.workers if _waits(one)]
    for first, second in combinations(waiting, 2):
        if first.visit != second.visit:
            label = f"commit {first.phase} {first.visit}, {second.phase} {second.visit}"
            yield label, _judged(state, first, second, scope)


def _waits(worker: Worker) -> bool:
    if worker.phase == "heard":
        return True
    return worker.seen is not None and isinstance(decisions.planned(worker.seen), Call) and _is_claim(worker)


def _is_claim(worker: Worker) -> bool:
    return worker.phase == "planned"


def _judged(state: State, first: Worker, second: Worker, scope: Scope) -> State:
    """Commit both, and note if that comes to what no order of them would."""
    one_by_one = _alone(_alone(state, first, scope), second, scope)
    other_way = _alone(_alone(state, second, scope), first, scope)
    after = _together(state, first, second, scope)
    if after is None:  # rolled back, and done one by one
        return one_by_one
    if after not in {one_by_one, other_way}:
        return after._replace(wrong="a commit came to something else than its entries one by one")
    return after


def _together(state: State, first: Worker, second: Worker, scope: Scope) -> State | None:
    """Return what one transaction comes to: verdicts first; None if a unique index refuses a statement."""
    before = state
    for one in (first, second):
        if not _is_claim(one):
            if workers.is_taken(before, one, scope) and scope.on.rolled_back:
                return None
            before = _alone(before, one, scope)
    after = before
    for one in (first, second):
        if _is_claim(one):  # decided on the rows as they were before any claim of this statement
            after = _with(after, one, _alone(before, one, scope), before)
    keyed = [row for row in after.rows if row.keyed and row.status in IN_DOUBT]
    return None if len(keyed) > 1 and scope.on.rolled_back else after


def _alone(state: State, worker: Worker, scope: Scope) -> State:
    """Return what an entry comes to by itself."""
    number = state.workers.index(worker)
    ((_, after),) = workers.STEPS[worker.phase](state, number, worker, scope)
    return after


def _with(state: State, worker: Worker, alone: State, before: State) -> State:
    """Return the state with what a claim changed: its row, and its worker."""
    (busy,) = _more(alone.workers, before.workers)
    changed = state.with_worker(state.workers.index(worker), busy)
    return changed.with_row(worker.visit, alone.rows[worker.visit])._replace(wrong=state.wrong or alone.wrong)


def _more(after: tuple[Worker, ...], before: tuple[Worker, ...]) -> list[Worker]:
    """Return the workers that are there after, and were not before."""
    left = list(before)
    return [one for one in after if one not in left or left.remove(one)]  # type: ignore[func-returns-value]
