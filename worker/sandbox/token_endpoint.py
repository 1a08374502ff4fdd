"""The token endpoint (RFC 6749, 3.2): a code or a refresh token for a new pair of tokens."""

import base64
import json
import secrets
import threading
from contextlib import suppress
from http import HTTPStatus

from worker.sandbox import misnaming
from worker.sandbox.api import HTML
from worker.sandbox.app import App
from worker.sandbox.refusals import Dropped, Refused, bad_request, oauth_error
from worker.sandbox.state import State
from worker.sandbox.values import Record
from worker.sandbox.wire import FORM, Request, Response


def token_response(state: State, request: Request) -> Response:
    """Return a token answer; Refused with an OAuth error, Dropped where a fault loses the answer."""
    faults = state.mischief.faults
    state.wait(faults.token_latency_seconds)
    if faults.token_error:
        return _broken(faults.token_error)
    fields = _fields(request)
    _check_client(state.app, fields, request.headers.get("authorization", ""))
    with state.lock:
        response = _grant(state, fields)
    # With all beyond ASCII escaped, since a company may be what no text can be.
    return Response(HTTPStatus.OK, json.dumps(response).encode())


def _grant(state: State, fields: dict[str, str]) -> Record:
    grant_type = fields.get("grant_type", "")
    if grant_type == "authorization_code":
        code = _needed(fields, "code")
        verifier, redirect_uri = fields.get("code_verifier", ""), fields.get("redirect_uri", "")
        answer = state.grants.exchange(code, verifier, redirect_uri)
        return misnaming.token_answer(answer, state.mischief.faults, refreshed=False)
    if grant_type == "refresh_token":
        token = _needed(fields, "refresh_token")
        if state.mischief.is_late():
            _refresh_later(state, token)
            raise Dropped
        answer = state.grants.refresh(token)
        # Only now: the old token is spent, and nobody gets the new one.
        if state.mischief.drops_token():
            raise Dropped
        return misnaming.token_answer(answer, state.mischief.faults, refreshed=True)
    raise oauth_error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "grant_type is not supported")


def _refresh_later(state: State, token: str) -> None:
    """Carry a refresh out after a while, though nobody waits for its answer any more."""
    seconds = state.mischief.faults.token_late_seconds

    def carry_out() -> None:
        with suppress(Dropped, Refused):
            state.wait(seconds)
            with state.lock:
                state.grants.refresh(token)

    threading.Thread(target=carry_out, name="late refresh", daemon=True).start()


def _needed(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise oauth_error(HTTPStatus.BAD_REQUEST, "invalid_request", f"{name} is missing")
    return fields[name]


def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").startswith(FORM):
        return request.form()
    body = request.json()
    if not isinstance(body, dict):
        raise bad_request("send a JSON object")
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _check_client(app: App, fields: dict[str, str], authorization: str) -> None:
    client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    if authorization.startswith("Basic "):
        client_id, secret = _basic(authorization.removeprefix("Basic "))
    # As bytes, since compare_digest refuses text beyond ASCII.
    same_secret = secrets.compare_digest(secret.encode(), app.client_secret.encode())
    if client_id != app.client_id or not same_secret:
        raise oauth_error(HTTPStatus.UNAUTHORIZED, "invalid_client", "client authentication failed")


def _basic(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded).decode()
    except ValueError:
        return "", ""
    client_id, _, secret = text.partition(":")
    return client_id, secret


def _broken(kind: str) -> Response:
    if kind == "html":
        return Response(HTTPStatus.OK, HTML, "text/html; charset=utf-8")
    if kind == "500":
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong")
    raise oauth_error(HTTPStatus.UNAUTHORIZED, kind, "switched on as a fault")
