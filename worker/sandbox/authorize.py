"""The authorization endpoint (RFC 6749, 3.1): consent, and the redirect that carries the code."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from worker.sandbox.codes import Consent
from worker.sandbox.consent_page import consent_page, problem_page
from worker.sandbox.origin import require_own_origin
from worker.sandbox.state import State
from worker.sandbox.wire import Request, Response

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = "text/html; charset=utf-8"
# Only these parameters travel from the page's address into its form.
CARRIED = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


def authorize_response(state: State, request: Request) -> Response:
    """Return the consent page, or a redirect once the customer (or ``auto=``) has decided."""
    posted = request.method == "POST"
    if posted:
        require_own_origin(request.headers, state.port)
    params = request.form() if posted else request.query
    complaint = _untrusted(state, params)
    if complaint:
        return Response(HTTPStatus.BAD_REQUEST, problem_page(complaint), PAGE)
    error = _error(state, params)
    if error:
        return _back(params, {"error": error})
    decision = params.get("decision" if posted else "auto")
    if decision == "allow":
        with state.lock:
            return _back(params, {"code": state.grants.codes.issue(_consent(state, params))})
    if decision == "deny":
        return _back(params, {"error": "access_denied"})
    carried = {name: params[name] for name in CARRIED if name in params}
    companies = [params["company_id"]] if "company_id" in params else list(state.directory.companies)
    return Response(HTTPStatus.OK, consent_page(carried, _granted(state, params), companies), PAGE)


def _untrusted(state: State, params: Mapping[str, str]) -> str:
    if params.get("client_id") != state.app.client_id:
        return "This application is not known here: check the client_id."
    if not _acceptable(params.get("redirect_uri", "")):
        return "The redirect_uri must be an absolute address: https, or http on this computer."
    return ""


def _acceptable(redirect_uri: str) -> bool:
    try:
        url = urlsplit(redirect_uri)
        host = url.hostname
    except ValueError:
        return False
    plain = redirect_uri.isascii() and redirect_uri.isprintable() and " " not in redirect_uri
    if not host or url.fragment or not plain:
        return False
    return url.scheme == "https" or (url.scheme == "http" and host in LOOPBACK)


def _error(state: State, params: Mapping[str, str]) -> str:
    if params.get("response_type") != "code":
        return "unsupported_response_type"
    if params.get("code_challenge") and params.get("code_challenge_method") != "S256":
        return "invalid_request"
    if "company_id" in params and params["company_id"] not in state.directory.companies:
        return "invalid_request"
    return "" if _granted(state, params) else "invalid_scope"


def _granted(state: State, params: Mapping[str, str]) -> tuple[str, ...]:
    """Return the scopes asked for that the app may have; the others are left out in silence."""
    asked = params.get("scope", "").split(" ")
    return tuple(scope for scope in state.app.scopes if scope in asked)


def _consent(state: State, params: Mapping[str, str]) -> Consent:
    company_id = params.get("company_id", next(iter(state.directory.companies)))
    challenge = params.get("code_challenge", "")
    return Consent(company_id, _granted(state, params), params["redirect_uri"], challenge)


def _back(params: Mapping[str, str], answer: dict[str, str]) -> Response:
    if "state" in params:
        answer["state"] = params["state"]
    redirect_uri = params["redirect_uri"]
    joint = "&" if urlsplit(redirect_uri).query else "?"
    location = redirect_uri + joint + urlencode(answer)
    return Response(HTTPStatus.SEE_OTHER, b"", PAGE, {"Location": location})
