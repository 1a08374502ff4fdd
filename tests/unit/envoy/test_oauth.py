"""The parts of OAuth2 that need no server."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from worker.envoy.http.client import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth, new_state, pkce_pair

SCOPES = ("locations.read", "flows.read", "invites.write", "token.refresh")
AUTHORIZE = "https://app.envoy.com/a/auth/v0/authorize"


@pytest.fixture
def oauth() -> OAuth:
    """Give the client; nothing in this file sends."""
    http = HttpClient(max_connections=1, user_agent="test/1")
    credentials = ClientCredentials("client-1", "hush")
    return OAuth(
        http, credentials, authorize_url=AUTHORIZE, token_url="https://app.envoy.com/a/auth/v0/token"
    )


def consent_url(oauth: OAuth, challenge: str | None = None) -> str:
    """Return a consent URL."""
    callback = "http://127.0.0.1:8765/oauth/callback"
    return oauth.authorize_url(redirect_uri=callback, scopes=SCOPES, state="s-1", code_challenge=challenge)


def test_the_consent_url_holds_the_documented_parameters(oauth: OAuth) -> None:
    """As Envoy's external-app guide has it, and the state that binds the answer to us."""
    url = consent_url(oauth)

    expected = {
        "response_type": ["code"],
        "client_id": ["client-1"],
        "redirect_uri": ["http://127.0.0.1:8765/oauth/callback"],
        "scope": [" ".join(SCOPES)],
        "state": ["s-1"],
    }
    assert url.startswith(f"{AUTHORIZE}?")
    assert expected == parse_qs(urlsplit(url).query)


def test_scopes_are_encoded_once_with_plus_signs(oauth: OAuth) -> None:
    """Envoy asks not to double-encode them."""
    assert "scope=locations.read+flows.read+invites.write+token.refresh&" in consent_url(oauth)


def test_a_challenge_is_sent_as_s256(oauth: OAuth) -> None:
    """The plain method is never used."""
    query = parse_qs(urlsplit(consent_url(oauth, "c-1")).query)

    assert (query["code_challenge"], query["code_challenge_method"]) == (["c-1"], ["S256"])


def test_an_authorize_url_with_a_query_is_extended() -> None:
    """The sandbox's address may carry switches of its own."""
    http = HttpClient(max_connections=1, user_agent="test/1")
    oauth = OAuth(
        http, ClientCredentials("c", "s"), authorize_url=f"{AUTHORIZE}?auto=allow", token_url=AUTHORIZE
    )

    assert consent_url(oauth).startswith(f"{AUTHORIZE}?auto=allow&response_type=code&")


def test_a_challenge_is_the_hash_of_its_verifier() -> None:
    """RFC 7636 section 4.2: base64url without padding of the SHA-256."""
    verifier, challenge = pkce_pair()

    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
    assert 43 <= len(verifier) <= 128


def test_states_and_verifiers_never_repeat() -> None:
    """Each is 256 random bits."""
    made = [new_state() for _ in range(1000)] + [pkce_pair()[0] for _ in range(1000)]

    assert len(made) == len(set(made))
    assert all(len(text) >= 43 for text in made)


def test_the_client_secret_does_not_show() -> None:
    """A repr may end in a log."""
    assert "hush" not in repr(ClientCredentials("client-1", "hush"))
