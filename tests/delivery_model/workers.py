"""What the workers of the model do: plan, claim, write, store; look and record; give up; die."""

from collections.abc import Iterator

from tests.delivery_model import decisions, envoy
from tests.delivery_model.scope import Scope
from tests.delivery_model.state import Request, Row, State, Worker
from tests.delivery_model.statements import answered as note_answer
from tests.delivery_model.statements import claim, finish, give_up, record, settle
from worker.delivery.plan import Call, Settled
from worker.invites import Kind, Status

Move = tuple[str, State]
IDLE = Worker()


def moves(state: State, scope: Scope) -> Iterator[Move]:
    """Yield what the workers may do next."""
    for number, worker in enumerate(state.workers):
        if worker in state.workers[:number]:
            continue  # the same, done by the other one
        if worker.phase == "idle":
            yield from _begin(state, number, scope)
            continue
        yield from STEPS[worker.phase](state, number, worker, scope)
        if state.left.crashes:
            yield f"crash {worker.phase}", _crash(state, number, worker)
    busy = [worker for worker in state.workers if worker.phase != "idle"]
    if state.left.crashes and len(busy) > 1:
        yield "crash of all", _crash_of_all(state, busy)


def _begin(state: State, number: int, scope: Scope) -> Iterator[Move]:
    for visit, row in enumerate(state.rows):
        if row.status is Status.PENDING:
            busy = Worker("planned", visit, seen=row.seen())
            yield f"plan {visit}", state.with_worker(number, busy)
        elif row.status is Status.UNKNOWN and not row.for_person and scope.looks:
            yield f"look {visit}", _look(state, number, visit, scope)
        elif row.status is Status.SENDING and (row.over or row.dead):
            busy = Worker("giving_up", visit, row.token)
            yield f"see {visit} abandoned", state.with_worker(number, busy)


def _look(state: State, number: int, visit: int, scope: Scope) -> State:
    row = state.rows[visit]
    shown = tuple(invite.envoy_id for invite in state.envoy_invites)
    others = {one.envoy_id for one in state.rows if one.envoy_id is not None}
    before = set(row.known) - set(row.stale if scope.on.stale_ids_count else ())
    excluded = frozenset({*before, *(others if scope.on.ids_of_others else ())})
    assert row.content is not None
    decided, found = decisions.looked(row.content, shown, excluded, row.look_ups, scope.looks)
    if decided != "again":
        state = envoy.looked_for(state, visit)
    # What came while the row had another id was told then, and may stay unseen.
    told = set(row.known) - set(row.stale)
    mine = {invite.envoy_id for invite in state.envoy_invites if invite.visit == visit}
    if decided == "pending" and mine - others - told:
        state = state._replace(wrong="a look did not see what is there")
    look = row.look_ups, row.since, found
    return state.with_worker(number, Worker("looked", visit, row.token, look=look, decided=decided))


def _act(state: State, number: int, worker: Worker, scope: Scope) -> Iterator[Move]:
    """Claim what was planned, or finish it."""
    assert worker.seen is not None
    visit, row, plan = worker.visit, state.rows[worker.visit], decisions.planned(worker.seen)
    idle = state.with_worker(number, IDLE)
    if isinstance(plan, Settled):
        done = finish(row, worker.seen, plan.status, scope.on)
        yield f"finish {visit} {plan.status}", idle if done is None else idle.with_row(visit, done)
        return
    keyed = plan.content_key is not None
    content = decisions.content_in_flight(worker.seen)
    claimed = claim(row, worker.seen, content=content, keyed=keyed, on=scope.on)
    if claimed is None or (keyed and scope.on.twin and _twin_in_doubt(state, visit)):
        yield f"no claim {visit}", idle
        return
    busy = worker._replace(phase="claimed", token=claimed.token)
    taken = state.with_worker(number, busy).with_row(visit, claimed)
    yield f"claim {visit} {plan.kind}", _judged_claim(taken, row, plan, visit)


def _twin_in_doubt(state: State, visit: int) -> bool:
    doubtful = (Status.SENDING, Status.UNKNOWN)
    return any(row.keyed and row.status in doubtful for one, row in enumerate(state.rows) if one != visit)


def _judged_claim(state: State, row: Row, call: Call, visit: int) -> State:
    """Note a create of what is known to be there: no window excuses that."""
    mine = {invite.envoy_id for invite in state.envoy_invites if invite.visit == visit}
    if call.kind is Kind.CREATE and row.envoy_id in mine:
        return state._replace(wrong="a create was claimed for a row that has the id of what is there")
    return state


def _write(state: State, number: int, worker: Worker, scope: Scope) -> Iterator[Move]:
    """Send the request, unless its lease is over."""
    assert worker.seen is not None
    row, call = state.rows[worker.visit], decisions.planned(worker.seen)
    assert isinstance(call, Call)
    is_over = row.over or row.token != worker.token or row.status is not Status.SENDING
    if is_over and scope.on.lease_time:
        yield f"too late {worker.visit}", _handed_over(state, number, "not_sent", None)
        return
    request = Request(worker.visit, worker.token, call.kind.value, worker.seen.envoy_id, worker.seen.text)
    waiting = state.with_worker(number, worker._replace(phase="waiting"))
    yield f"write {worker.visit} {call.kind}", envoy.sent(waiting, request)


def _hear(state: State, number: int, worker: Worker, _: Scope) -> Iterator[Move]:
    """Hand the answer over to the journal, or that there was none."""
    for answer in state.answers:
        if (answer.visit, answer.token) == (worker.visit, worker.token):
            heard = envoy.unheard(state, *answer[:2])
            yield f"answer {worker.visit}", _handed_over(heard, number, answer.result, answer.envoy_id)
    if state.left.losses:
        left = state.left._replace(losses=state.left.losses - 1)
        lost = envoy.unheard(state._replace(left=left), worker.visit, worker.token)
        yield f"no answer {worker.visit}", _handed_over(lost, number, "lost", None)


def _handed_over(state: State, number: int, result: str, envoy_id: int | None) -> State:
    heard = state.workers[number]._replace(phase="heard", result=result, answered=envoy_id)
    return state.with_worker(number, heard)


def _store(state: State, number: int, worker: Worker, scope: Scope) -> Iterator[Move]:
    """Write a verdict to the row, if it is still its own, and to the ledger."""
    yield f"store {worker.visit}", _stored(state, number, worker, scope)


def is_taken(state: State, worker: Worker, scope: Scope) -> bool:
    """Return whether a verdict would give its row an id that another row has."""
    assert worker.seen is not None
    outcome, content = decisions.outcome(worker.seen, worker.result, worker.answered)
    row = state.rows[worker.visit]
    settled = settle(row, worker.seen, worker.token, outcome, content, scope.on)
    answered = outcome.envoy_invite_id
    return settled is not None and bool(answered) and _is_anothers(state, worker.visit, int(answered or 0))


def _stored(state: State, number: int, worker: Worker, scope: Scope) -> State:
    assert worker.seen is not None
    visit, row = worker.visit, state.rows[worker.visit]
    outcome, content = decisions.outcome(worker.seen, worker.result, worker.answered)
    result = worker.result
    settled = settle(row, worker.seen, worker.token, outcome, content, scope.on)
    answered = int(outcome.envoy_invite_id) if outcome.envoy_invite_id else None
    taken = is_taken(state, worker, scope)
    if taken:
        in_doubt = decisions.outcome(worker.seen, "lost", None)
        settled = settle(row, worker.seen, worker.token, *in_doubt, scope.on)
        settled = settled and settled._replace(for_person=True)
        state = _judged_taking(state, answered)
    after = settled or row
    if answered is not None:
        is_create = worker.seen.envoy_id is None
        second = settled is not None and is_create and bool(set(row.late) - {answered})
        # What the row does not take is told unless the row has it already.
        told = taken or second or (settled is None and answered != row.envoy_id)
        after = _heard(after, answered, told=told and scope.on.both_told)
        if is_create and row.token != worker.token:
            after = after._replace(late=(*row.late, answered), stale=(*row.stale, answered))
    if result != "lost" and not taken:
        after = note_answer(after, worker.token, executed=result != "not_sent")
    return state.with_worker(number, IDLE).with_row(visit, after)


def _is_anothers(state: State, visit: int, envoy_id: int) -> bool:
    return any(row.envoy_id == envoy_id for one, row in enumerate(state.rows) if one != visit)


def _judged_taking(state: State, envoy_id: int | None) -> State:
    """Note that another row was given what this one has made: only a window excuses that."""
    if any(invite.envoy_id == envoy_id and not invite.late for invite in state.envoy_invites):
        return state._replace(wrong="another row was given the id of what this one has made")
    return state


def _heard(row: Row, envoy_id: int, *, told: bool) -> Row:
    """Write an id to the ledger."""
    return row._replace(known=tuple(sorted({*row.known, envoy_id})), told=row.told or told)


def _record(state: State, number: int, worker: Worker, scope: Scope) -> Iterator[Move]:
    assert worker.look is not None
    visit, row, found = worker.visit, state.rows[worker.visit], worker.look[2]
    after = record(row, worker.token, worker.look, worker.decided, scope.on)
    if found is not None and after is not None and _is_anothers(state, visit, found):
        after = None
    if after is None:
        told = row.told or (found is not None and row.envoy_id not in {None, found} and scope.on.both_told)
        after = row._replace(told=told)
    elif found is not None:
        after = _heard(after, found, told=False)
    yield f"record {visit} {worker.decided}", state.with_worker(number, IDLE).with_row(visit, after)


def _give_up(state: State, number: int, worker: Worker, scope: Scope) -> Iterator[Move]:
    after = give_up(state.rows[worker.visit], worker.token, scope.on)
    idle = state.with_worker(number, IDLE)
    yield f"give up {worker.visit}", idle if after is None else idle.with_row(worker.visit, after)


def _crash(state: State, number: int, worker: Worker) -> State:
    state = state._replace(left=state.left._replace(crashes=state.left.crashes - 1)).with_worker(number, IDLE)
    row = state.rows[worker.visit]
    if worker.phase not in {"claimed", "waiting", "heard"}:
        return state
    state = envoy.unheard(state, worker.visit, worker.token)
    if row.token == worker.token and row.status is Status.SENDING:
        return state.with_row(worker.visit, row._replace(dead=True))
    return state


def _crash_of_all(state: State, busy: list[Worker]) -> State:
    """Let the one process end in which all workers are, with all that its journal has not stored."""
    crashes = state.left.crashes
    for worker in busy:
        state = _crash(state, state.workers.index(worker), worker)
    return state._replace(left=state.left._replace(crashes=crashes - 1))


STEPS = {
    "planned": _act,
    "claimed": _write,
    "waiting": _hear,
    "heard": _store,
    "looked": _record,
    "giving_up": _give_up,
}
