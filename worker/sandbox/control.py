"""The sandbox's own addresses: its page, its ledger, its faults."""

from dataclasses import replace
from http import HTTPStatus

from worker.sandbox.faults import faults_from_json
from worker.sandbox.pages import STYLE, overview_page
from worker.sandbox.state import State
from worker.sandbox.wire import Request, Response, json_response


def _overview(state: State, _request: Request) -> Response:
    return Response(HTTPStatus.OK, overview_page(state), "text/html; charset=utf-8")


def _style(_state: State, _request: Request) -> Response:
    return Response(HTTPStatus.OK, STYLE, "text/css; charset=utf-8")


def _ledger(state: State, _request: Request) -> Response:
    return json_response(state.ledger.as_json(state.grants.tally))


def _faults(state: State, _request: Request) -> Response:
    return json_response(state.mischief.faults.as_json())


def _set_faults(state: State, request: Request) -> Response:
    # curl's -d says form; anyone who posts here means JSON.
    as_json = replace(request, headers={"content-type": "application/json"})
    state.mischief.set(faults_from_json(as_json.json()))
    return _faults(state, request)


CONTROLS = {
    ("GET", "/"): _overview,
    ("GET", "/sandbox/style.css"): _style,
    ("GET", "/sandbox/ledger"): _ledger,
    ("GET", "/sandbox/faults"): _faults,
    ("POST", "/sandbox/faults"): _set_faults,
}
