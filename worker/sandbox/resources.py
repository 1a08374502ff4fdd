"""The verbs on locations, flows, employees and invites."""

from http import HTTPStatus

from worker.sandbox.api import Answer, Call, Handler, Route
from worker.sandbox.faults import Faults
from worker.sandbox.fields import emptied, invite_fields, without_empty
from worker.sandbox.invites import Held
from worker.sandbox.lists import list_of
from worker.sandbox.misnaming import location
from worker.sandbox.refusals import Refused
from worker.sandbox.showing import shown
from worker.sandbox.state import State
from worker.sandbox.values import Record


def _list_of(kind: str) -> Handler:
    def handler(state: State, call: Call) -> Answer:
        return _listing(state, call, kind, state.directory.records(call.company_id, kind))

    return handler


def _one_of(kind: str) -> Handler:
    def handler(state: State, call: Call) -> Answer:
        return _single(state, state.directory.one(call.company_id, kind, call.item))

    return handler


def _list_invites(state: State, call: Call) -> Answer:
    listed = state.invites.listed(call.company_id, state.mischief.faults.read_lag_seconds)
    return _listing(state, call, "invites", listed)


def _read_invite(state: State, call: Call) -> Answer:
    data = state.invites.shown(call.company_id, call.item, state.mischief.faults.read_lag_seconds)
    return _single(state, data)


def _create_invite(state: State, call: Call) -> Answer:
    # Envoy knows no idempotency key, so nothing here looks for an equal invite.
    wanted = invite_fields(call.request.json(), partial=False)
    held = state.invites.create(call.company_id, wanted, approval=state.mischief.faults.approval_status)
    state.ledger.creates.append(_entry(state, call, held))
    return _single(state, held.data, HTTPStatus.CREATED)


def _update_invite(state: State, call: Call) -> Answer:
    changes = invite_fields(call.request.json(), partial=True)
    _refuse_nulls(state.mischief.faults, changes)
    if state.mischief.faults.keep_cleared:
        changes = without_empty(changes)
    approval = state.mischief.faults.approval_status
    held = state.invites.update(call.company_id, call.item, changes, approval=approval)
    state.ledger.updates.append(_entry(state, call, held))
    return _single(state, held.data)


def _entry(state: State, call: Call, held: Held) -> Record:
    """Return what the ledger keeps of a create or an update, and count the mail that goes out with it."""
    entry = state.ledger.entry(call.request, held)
    if held.data["sendEmailToInvitee"]:
        state.ledger.mails.append(entry)
    return entry


def _refuse_nulls(faults: Faults, changes: Record) -> None:
    meant = [name for name in emptied(changes) if name in (faults.refuse_nulls_of or [name])]
    if faults.refuse_nulls and meant:
        raise Refused(HTTPStatus(faults.refuse_nulls), f"{meant[0]} must not be empty")


def _remove_invite(state: State, call: Call) -> Answer:
    held = state.invites.remove(call.company_id, call.item)
    state.ledger.removes.append(state.ledger.entry(call.request, held))
    return _single(state, held.data)


def _listing(state: State, call: Call, kind: str, records: list[Record]) -> Answer:
    faults = state.mischief.faults
    content = list_of(kind, records, call.request.query, faults)
    return Answer({**content, "data": [_shown(record, faults) for record in content["data"]]})


def _single(state: State, data: Record, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer({"data": _shown(data, state.mischief.faults), "meta": {}}, status)


def _shown(record: Record, faults: Faults) -> Record:
    return location(shown(record, faults.names_shown), faults)


ROUTES = {
    ("GET", "/v1/invites"): Route("invites.read", _list_invites),
    ("POST", "/v1/invites"): Route("invites.write", _create_invite),
    ("GET", "/v1/invites/{id}"): Route("invites.read", _read_invite),
    ("POST", "/v1/invites/{id}"): Route("invites.write", _update_invite),
    ("DELETE", "/v1/invites/{id}"): Route("invites.write", _remove_invite),
}
for _kind in ("locations", "flows", "employees"):
    ROUTES["GET", f"/v1/{_kind}"] = Route(f"{_kind}.read", _list_of(_kind))
    ROUTES["GET", f"/v1/{_kind}/{{id}}"] = Route(f"{_kind}.read", _one_of(_kind))
