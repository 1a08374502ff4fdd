"""What happens around the workers: the caller, Envoy, time, and a person who looks into Envoy."""

from collections.abc import Iterator

from tests.delivery_model import envoy
from tests.delivery_model.scope import Scope
from tests.delivery_model.state import Budget, Person, State
from tests.delivery_model.statements import changed, resolve
from tests.delivery_model.workers import Move
from worker.invites import Status

TEXTS = 2


def moves(state: State, scope: Scope) -> Iterator[Move]:
    """Yield what may happen next."""
    for request in state.requests:
        late = " late" if request.late else ""
        yield f"envoy {request.kind} {request.visit}{late}", envoy.carry_out(state, request)
    yield from _time(state)
    yield from _caller(state)
    yield from _person(state, scope)


def _spent(state: State, left: Budget) -> State:
    return state._replace(left=left)


def _time(state: State) -> Iterator[Move]:
    if not state.left.leases:
        return
    spent = _spent(state, state.left._replace(leases=state.left.leases - 1))
    for visit, row in enumerate(state.rows):
        if row.status is Status.SENDING and not row.over and not row.dead:
            yield f"lease of {visit} ends", spent.with_row(visit, row._replace(over=True))


def _caller(state: State) -> Iterator[Move]:
    if not state.left.changes:
        return
    spent = _spent(state, state.left._replace(changes=state.left.changes - 1))
    for visit, row in enumerate(state.rows):
        other = changed(row, wanted=row.wanted, text=(row.text + 1) % TEXTS)
        yield f"caller changes {visit}", spent.with_row(visit, other)
        turned = changed(row, wanted=not row.wanted, text=row.text)
        yield f"caller turns {visit}", spent.with_row(visit, turned)


def _person(state: State, scope: Scope) -> Iterator[Move]:
    if state.person is not None:
        yield f"person says {state.person.found}", say(state, scope)
    elif state.left.persons:
        spent = _spent(state, state.left._replace(persons=state.left.persons - 1))
        for visit, row in enumerate(state.rows):
            if row.status is Status.UNKNOWN:
                yield f"person looks for {visit}", see(spent, visit)


def see(state: State, visit: int) -> State:
    """Let a person look for a visit in Envoy: for what no other row has."""
    owned = {row.envoy_id for one, row in enumerate(state.rows) if one != visit}
    found = [invite.envoy_id for invite in state.envoy_invites if invite.envoy_id not in owned]
    mine = [
        invite.envoy_id
        for invite in state.envoy_invites
        if invite.visit == visit and invite.envoy_id in found
    ]
    best = next(iter(mine or found), None)
    state = envoy.looked_for(state, visit)
    if len(mine) > 1:
        state = state.with_row(visit, state.rows[visit]._replace(told=True))
    return state._replace(person=Person(visit, state.rows[visit].token, best))


def say(state: State, scope: Scope) -> State:
    """Let the person say what was there."""
    assert state.person is not None
    visit, token, found = state.person
    state, row = state._replace(person=None), state.rows[visit]
    if found is not None and any(one.envoy_id == found for one in state.rows):
        return state  # another row has this id by now, and the verdict is refused
    after = resolve(row, token, found, scope.on)
    if after is None:
        return state
    known = row.known if found is None else tuple(sorted({*row.known, found}))
    return state.with_row(visit, after._replace(known=known))
