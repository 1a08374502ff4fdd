"""OAuth2 with Envoy: the consent URL, and the two requests to the token endpoint.

Bodies are JSON with the client's credentials inside, as Envoy's external-app guide has it; the
guide knows no ``redirect_uri`` in the exchange.
"""

import base64
import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from worker.envoy.http.late import Http
from worker.envoy.retries import unsent_policy
from worker.envoy.tokens import TokenAnswer, token_answer

TOKEN_ANSWER_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What makes us known to Envoy as an external application."""

    client_id: str
    client_secret: str = field(repr=False)


class OAuth:
    """Our external application's side of the OAuth2 code grant."""

    def __init__(
        self,
        http: Http,
        credentials: ClientCredentials,
        *,
        authorize_url: str,
        token_url: str,
        deadline_seconds: float = 10,
        stop: threading.Event | None = None,
    ) -> None:
        """Do no network."""
        self._http = http
        self._credentials = credentials
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._deadline_seconds = deadline_seconds
        self._unsent = unsent_policy(stop or threading.Event())

    def authorize_url(
        self, *, redirect_uri: str, scopes: Sequence[str], state: str, code_challenge: str | None
    ) -> str:
        """Return the URL of Envoy's consent page; the scopes are encoded once, with ``+`` between."""
        query = {
            "response_type": "code",
            "client_id": self._credentials.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
        }
        if code_challenge is not None:
            query |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
        separator = "&" if "?" in self._authorize_url else "?"
        return f"{self._authorize_url}{separator}{urlencode(query)}"

    def exchange(self, code: str, *, code_verifier: str | None) -> TokenAnswer:
        """Return the tokens for *code*.

        A code works once, so only what was surely not sent is repeated: after OutcomeUnknown the
        customer must start again.
        """
        body = {"grant_type": "authorization_code", "code": code}
        if code_verifier is not None:
            body["code_verifier"] = code_verifier
        return self._unsent(self._post, body)

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """Return a new pair for *refresh_token*, from exactly one request.

        After OutcomeUnknown the old refresh token may be spent; what to do then is the caller's.
        """
        return self._post({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _post(self, body: dict[str, str]) -> TokenAnswer:
        answer = self._http.send(
            "POST",
            self._token_url,
            deadline_seconds=self._deadline_seconds,
            json={
                **body,
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret,
            },
            max_bytes=TOKEN_ANSWER_BYTES,
        )
        return token_answer(answer.status, answer.headers, answer.body)


def pkce_pair() -> tuple[str, str]:
    """Return a fresh code verifier and its S256 challenge (RFC 7636)."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_state() -> str:
    """Return a ``state`` that cannot be guessed (256 bits)."""
    return secrets.token_urlsafe(32)
