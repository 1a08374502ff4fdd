"""The guard of everything under /v1: token, scope, pace, and the faults around the commit."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from worker.sandbox.codes import Consent
from worker.sandbox.faults import Faults
from worker.sandbox.refusals import Dropped, Refused
from worker.sandbox.state import State
from worker.sandbox.values import Record
from worker.sandbox.wire import Request, Response, json_response

HTML = b"<!doctype html><title>Please wait</title><p>We will be back in a moment.</p>"
HTML_TYPE = "text/html; charset=utf-8"
LOST_HTML = b"<html><body>404 page not found</body></html>"
LOST_JSON: Record = {"message": "no Route matched with those values"}


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request to a resource; *item* is the id in its path."""

    request: Request
    company_id: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler wants answered, before any fault touches it."""

    content: Record = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK


Handler = Callable[[State, Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one kind of resource, and the scope that it needs."""

    scope: str
    handler: Handler


def call_route(state: State, request: Request, route: Route, item: str) -> Response:
    """Return the answer of a route; Refused or Dropped where the caller or a fault ends it early."""
    faults = state.mischief.faults
    if f"{request.method} {request.path}".startswith(faults.latency_only):
        state.wait(faults.latency_seconds)
    if faults.html_200:
        return Response(HTTPStatus.OK, HTML, HTML_TYPE)
    if state.mischief.loses(request):
        return _lost(faults)
    # One lock from the token's check to the commit: no other request comes in between.
    with state.lock:
        consent = state.grants.bearer(request.headers.get("authorization", ""))
        _require(route.scope, consent)
        state.mischief.admit(consent.company_id)
        state.mischief.refuse_alike(request, consent.company_id)
        fault = state.mischief.draw(request, consent.company_id)
        _before_commit(state, fault)
        answer = route.handler(state, Call(request, consent.company_id, item))
    response = _after_commit(fault, answer)
    slow = faults.slow_body_seconds if state.mischief.meets(request, consent.company_id) else 0.0
    return replace(response, drip_seconds=slow)


def _require(scope: str, consent: Consent) -> None:
    if scope not in consent.scopes:
        raise Refused(HTTPStatus.FORBIDDEN, f"The token lacks the scope {scope}")


def _lost(faults: Faults) -> Response:
    if faults.lost == "html":
        return Response(faults.lost_status, LOST_HTML, HTML_TYPE)
    return json_response(LOST_JSON, faults.lost_status)


def _before_commit(state: State, fault: str) -> None:
    if fault == "error_429_share":
        raise state.mischief.too_many()
    if fault == "error_500_share":
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong")
    if fault == "drop_before_share":
        raise Dropped


def _after_commit(fault: str, answer: Answer) -> Response:
    if fault == "drop_after_share":
        raise Dropped
    if fault == "commit_then_500_share":
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong")
    if fault == "garbage_share":
        return Response(HTTPStatus.OK, HTML, HTML_TYPE)
    if fault == "no_id_share":
        return json_response(_without_id(answer.content), answer.status)
    return replace(json_response(answer.content, answer.status), cut=fault == "truncate_share")


def _without_id(content: Record) -> Record:
    data = content["data"]
    if not isinstance(data, dict):
        return content
    return {**content, "data": {key: value for key, value in data.items() if key != "id"}}
