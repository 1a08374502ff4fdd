"""The consent of a customer: what is asked of Envoy, and the code that comes back with the browser."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlsplit

from worker.envoy.oauth import OAuth, new_state, pkce_pair
from worker.errors import NeedsAuthorisation, UsageError, WrongIssuer
from worker.settings.model import EnvoySettings

LONGEST_CODE = 2048
AGAIN = "run `envoy-worker connect` again, and open the URL it prints"

# RFC 6749 section 4.1.2.1; anything else is not repeated to the operator.
REFUSALS = {
    "access_denied": "the customer declined",
    "invalid_scope": "Envoy does not know a scope that was asked for: check [envoy] scopes",
    "unauthorized_client": "Envoy does not let our application do this: check its settings there",
    "unsupported_response_type": "Envoy does not let our application do this: check its settings there",
    "invalid_request": "Envoy did not understand the authorize URL: check [envoy]",
    "server_error": "Envoy had an error of its own: try again",
    "temporarily_unavailable": "Envoy is overloaded: try again later",
}


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """One flow: the URL for the customer's browser, and what only we know of it."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str | None = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]


def begin(oauth: OAuth, settings: EnvoySettings) -> AuthorisationRequest:
    """Return a fresh flow, with a state that cannot be guessed and, if set, a PKCE verifier."""
    verifier, challenge = pkce_pair() if settings.pkce else (None, None)
    state = new_state()
    url = oauth.authorize_url(
        redirect_uri=settings.redirect_uri, scopes=settings.scopes, state=state, code_challenge=challenge
    )
    return AuthorisationRequest(url, state, verifier, settings.redirect_uri, tuple(settings.scopes))


def code_from(request: AuthorisationRequest, redirected_url: str) -> str:
    """Return the authorization code of the URL that Envoy sent the browser to.

    Raises:
        UsageError: it is not our redirect URI, or belongs to another flow; nothing was decided yet.
        NeedsAuthorisation: the flow is over without a grant; WrongIssuer: another server answered.
    """
    parameters = _parameters(request, redirected_url)
    state = parameters.get("state", "").encode(errors="replace")
    if not hmac.compare_digest(state, request.state.encode()):
        raise UsageError("the URL belongs to another authorisation (its state differs)", hint=AGAIN)
    _require_issuer(request, parameters)
    if "error" in parameters:
        reason = REFUSALS.get(parameters["error"], "Envoy answered with an error that is not in OAuth2")
        raise NeedsAuthorisation(f"nothing was authorised: {reason}", hint=AGAIN)
    code = parameters.get("code", "")
    if not 0 < len(code) <= LONGEST_CODE or not code.isascii() or not code.isprintable():
        raise UsageError("the URL holds no usable code", hint="copy the whole URL from the browser")
    return code


def _require_issuer(request: AuthorisationRequest, parameters: Mapping[str, str]) -> None:
    """Return where the answer is Envoy's, as far as it says so (RFC 9207); its code would go to Envoy else.

    Envoy does not document its issuer's address; its origin must be that of the consent page.
    """
    if "iss" not in parameters:
        return
    issuer = _split(parameters["iss"]) if _ISSUER.fullmatch(parameters["iss"]) else None
    if issuer is None or _origin(issuer) != _origin(urlsplit(request.url)):
        raise WrongIssuer(
            "nothing was authorised: the answer is not of the server in [envoy] authorize_url",
            hint=f"check [envoy] authorize_url; then {AGAIN}",
        )


def _parameters(request: AuthorisationRequest, redirected_url: str) -> Mapping[str, str]:
    parts = _split(redirected_url.strip())
    if parts is None or _place(parts) != _place(urlsplit(request.redirect_uri)):
        raise UsageError(
            f"that is not the redirect URL: it does not begin with {request.redirect_uri}",
            hint="copy the whole URL from the browser, after Envoy has sent it back",
        )
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] in _KNOWN]
    if len(pairs) != len(dict(pairs)):
        raise UsageError("the URL holds a parameter twice", hint=AGAIN)
    return dict(pairs)


# A URL without query and fragment (RFC 8414, section 2), and without signs that urlsplit would drop.
_ISSUER = re.compile(r"[!\"$->@-~]+")
# Others are ignored, as RFC 6749 section 4.1.2 demands.
_KNOWN = frozenset({"state", "code", "error", "iss"})


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.username


def _place(parts: SplitResult) -> tuple[str, str | None, int | None, str, str | None]:
    return parts.scheme, parts.hostname, parts.port, parts.path or "/", parts.username
