"""From a request to its answer: which handler, which outage, which line in the ledger."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from worker.sandbox.api import call_route
from worker.sandbox.authorize import authorize_response
from worker.sandbox.control import CONTROLS
from worker.sandbox.origin import require_own_host, require_own_origin
from worker.sandbox.refusals import Dropped, Refused
from worker.sandbox.resources import ROUTES
from worker.sandbox.state import State
from worker.sandbox.token_endpoint import token_response
from worker.sandbox.wire import Request, Response, refusal_response

OAUTH: dict[tuple[str, str], Callable[[State, Request], Response]] = {
    ("GET", "/a/auth/v0/authorize"): authorize_response,
    ("POST", "/a/auth/v0/authorize"): authorize_response,
    ("POST", "/a/auth/v0/token"): token_response,
    ("POST", "/oauth2/token"): token_response,
}
ITEM_DEPTH = 4


def respond(state: State, request: Request) -> Response | None:
    """Return the answer to a request, None if the connection is to be closed without one."""
    template, item = _template(request.path)
    if (request.method, template) in CONTROLS and not _is_of_the_api(request):
        response = _attempted(lambda: _control(state, request))
    else:
        with state.lock:
            state.ledger.begin()
        response = _attempted(lambda: _answer(state, request, template, item))
        with state.lock:
            outcome = "dropped" if response is None else str(int(response.status))
            state.ledger.note(request, f"{request.method} {template}", outcome)
    return response


def _is_of_the_api(request: Request) -> bool:
    """Return whether a client of the API asks at its address, and no browser for the page."""
    return request.path == "/" and request.headers.get("accept", "").startswith("application/json")


def _attempted(handle: Callable[[], Response]) -> Response | None:
    try:
        return handle()
    except Refused as refused:
        return refusal_response(refused)
    except Dropped:
        return None


def _control(state: State, request: Request) -> Response:
    require_own_host(request.headers, state.port)
    require_own_origin(request.headers, state.port)
    with state.lock:
        return CONTROLS[request.method, request.path](state, request)


def _answer(state: State, request: Request, template: str, item: str) -> Response:
    outage = state.mischief.faults.outage
    if outage == "drop":
        raise Dropped
    if outage:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable")
    key = request.method, template
    if key in ROUTES:
        route = ROUTES[key]
        return call_route(
            state, request, replace(route, handler=state.handlers.get(key, route.handler)), item
        )
    if key in OAUTH:
        return OAUTH[key](state, request)
    if _is_of_the_api(request):
        raise Refused(HTTPStatus.NOT_FOUND, "no such address")
    raise _no_route(template)


def _template(path: str) -> tuple[str, str]:
    """Return the path with the id of a resource taken out, and the id."""
    parts = path.split("/")
    if path.startswith("/v1/") and len(parts) == ITEM_DEPTH:
        return f"/v1/{parts[2]}/{{id}}", parts[3]
    return path, ""


def _no_route(template: str) -> Refused:
    keys = [*ROUTES, *OAUTH, *CONTROLS]
    allowed = sorted(method for method, path in keys if path == template)
    if not allowed:
        return Refused(HTTPStatus.NOT_FOUND, "no such address")
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed", {"Allow": ", ".join(allowed)})
