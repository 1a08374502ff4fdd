"""Envoy's side of the model: requests are carried out whenever it pleases, and answered or not."""

from tests.delivery_model.state import Answer, EnvoyInvite, Request, State


def sent(state: State, request: Request) -> State:
    """Return the same with one more request on its way."""
    return state._replace(requests=tuple(sorted((*state.requests, request), key=repr)))


def carry_out(state: State, request: Request) -> State:
    """Carry out a request, and have its answer ready if somebody still waits for it."""
    left = tuple(one for one in state.requests if one != request and not _is_outdated(one, request))
    state = state._replace(requests=left)
    result, envoy_id = "ok", request.target
    if request.kind == "create":
        state, envoy_id = _create(state, request)
    elif all(invite.envoy_id != request.target for invite in state.envoy_invites):
        result = "ok" if request.kind == "remove" else "missing"  # gone is what a remove wants
    else:
        state = _change(state, request)
    if any((one.phase, one.visit, one.token) == ("waiting", *request[:2]) for one in state.workers):
        answer = Answer(request.visit, request.token, result, envoy_id)
        state = state._replace(answers=tuple(sorted((*state.answers, answer), key=repr)))
    return state


def _is_outdated(one: Request, done: Request) -> bool:
    """Return whether a change is older than the one that was carried out: that window is Envoy's alone."""
    return (
        one.kind != "create"
        and (one.visit, one.target) == (done.visit, done.target)
        and one.token < done.token
    )


def _create(state: State, request: Request) -> tuple[State, int]:
    invite = EnvoyInvite(state.made + 1, request.visit, request.text, request.late)
    return state._replace(made=invite.envoy_id, envoy_invites=(*state.envoy_invites, invite)), invite.envoy_id


def _change(state: State, request: Request) -> State:
    others = tuple(invite for invite in state.envoy_invites if invite.envoy_id != request.target)
    (mine,) = (invite for invite in state.envoy_invites if invite.envoy_id == request.target)
    if request.kind == "remove":
        gone = (*state.late_removed, mine.envoy_id) if mine.late else state.late_removed
        return state._replace(envoy_invites=others, late_removed=gone)
    kept = (mine._replace(text=request.text),)
    return state._replace(envoy_invites=tuple(sorted((*others, *kept))))


def looked_for(state: State, visit: int) -> State:
    """Note the look that decides about a visit: what is still on its way for it, is late from now on."""
    requests = tuple(one._replace(late=True) if one.visit == visit else one for one in state.requests)
    return state._replace(requests=tuple(sorted(requests, key=repr)))


def unheard(state: State, visit: int, token: int) -> State:
    """Return the same without an answer that nobody waits for any more."""
    return state._replace(
        answers=tuple(one for one in state.answers if (one.visit, one.token) != (visit, token))
    )
