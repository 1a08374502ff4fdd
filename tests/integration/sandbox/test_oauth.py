"""Consent and tokens of the sandbox, over a real socket."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from worker.sandbox import Faults, Sandbox

SECRETS = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
ASK = {
    "client_id": "sandbox-client",
    "redirect_uri": "http://127.0.0.1:8765/oauth/callback",
    "response_type": "code",
    "scope": "locations.read invites.write token.refresh",
    "state": "s&1",
    # The example of RFC 7636, appendix B.
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Open a client that follows no redirect."""
    with httpx.Client(base_url=sandbox.url) as made:
        yield made


def answer_of(response: httpx.Response) -> dict[str, list[str]]:
    """Return the parameters that a redirect carries back."""
    assert response.status_code == 303
    assert response.headers["location"].startswith(ASK["redirect_uri"] + "?")
    return parse_qs(urlsplit(response.headers["location"]).query)


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    """Present a refresh token."""
    body = {"grant_type": "refresh_token", "refresh_token": token, **SECRETS}
    return client.post("/a/auth/v0/token", json=body)


def test_consent_gives_a_code_and_the_code_gives_tokens(sandbox: Sandbox, client: httpx.Client) -> None:
    """The page is shown, Allow leads back with code and state, and the exchange answers as documented."""
    page = client.get("/a/auth/v0/authorize", params=ASK)
    assert page.status_code == 200
    assert "Create, change and remove invites" in page.text
    allowed = answer_of(client.post("/a/auth/v0/authorize", data={**ASK, "decision": "allow"}))
    assert allowed["state"] == ["s&1"]

    exchange = {"grant_type": "authorization_code", "code": allowed["code"][0], **SECRETS}
    tokens = client.post(sandbox.token_url, json={**exchange, "code_verifier": VERIFIER}).json()

    assert {name: type(value) for name, value in tokens.items()} == {
        "token_type": str,
        "access_token": str,
        "expires_in": int,
        "refresh_token": str,
        "refresh_token_expires_in": int,
        "state": type(None),
        "company_id": str,
    }
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/v1/locations", headers=bearer).status_code == 200
    assert client.get("/v1/flows", headers=bearer).status_code == 403
    assert client.post(sandbox.token_url, json=exchange).status_code == 401


def test_deny_leads_back_with_an_error(client: httpx.Client) -> None:
    """A refusal carries access_denied and the state, and no code."""
    denied = answer_of(client.post("/a/auth/v0/authorize", data={**ASK, "decision": "deny"}))

    assert denied == {"error": ["access_denied"], "state": ["s&1"]}


@pytest.mark.parametrize(("auto", "key"), [("allow", "code"), ("deny", "error")])
def test_a_script_may_decide_at_once(client: httpx.Client, auto: str, key: str) -> None:
    """With auto= the redirect comes without a page."""
    assert key in answer_of(client.get("/a/auth/v0/authorize", params={**ASK, "auto": auto}))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"redirect_uri": ""},
        {"redirect_uri": "/oauth/callback"},
        {"redirect_uri": "http://example.com/back"},
        {"redirect_uri": "https://example.com/back#part"},
        {"redirect_uri": "https://example.com/\r\nX-Evil: 1"},
    ],
)
def test_an_untrusted_request_is_never_redirected(client: httpx.Client, changes: dict[str, str]) -> None:
    """An unknown client or an unusable redirect_uri gets a page, not a redirect (RFC 6749, 4.1.2.1)."""
    response = client.get("/a/auth/v0/authorize", params={**ASK, **changes, "auto": "allow"})

    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "badges.read"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"company_id": "99"}, "invalid_request"),
    ],
)
def test_a_bad_request_leads_back_with_its_error(
    client: httpx.Client, changes: dict[str, str], error: str
) -> None:
    """What the application did wrong is told to the application."""
    response = client.get("/a/auth/v0/authorize", params={**ASK, **changes, "auto": "allow"})

    assert answer_of(response)["error"] == [error]


def test_the_page_offers_the_companies_and_escapes_what_it_repeats() -> None:
    """With several companies one is chosen; the chosen one's id comes with the tokens."""
    with Sandbox(companies=2) as sandbox, httpx.Client(base_url=sandbox.url) as client:
        page = client.get("/a/auth/v0/authorize", params={**ASK, "state": '"><script>'})
        chosen = client.post("/a/auth/v0/authorize", data={**ASK, "decision": "allow", "company_id": "10001"})
        exchange = {"grant_type": "authorization_code", "code": answer_of(chosen)["code"][0], **SECRETS}
        tokens = client.post("/oauth2/token", data={**exchange, "code_verifier": VERIFIER}).json()

    assert "<option>10001</option>" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert tokens["company_id"] == "10001"


def test_rotation_reuse_and_the_ledger(sandbox: Sandbox, client: httpx.Client) -> None:
    """A rotated token that comes back ends the family, and the ledger says so."""
    first = sandbox.grant()
    second = refresh(client, first["refresh_token"]).json()
    reused = refresh(client, first["refresh_token"])

    assert (reused.status_code, reused.json()["error"]) == (401, "invalid_grant")
    assert refresh(client, second["refresh_token"]).status_code == 401
    ledger = sandbox.ledger()
    assert {name: ledger[name] for name in ("refreshes", "refresh_token_reuse", "families_killed")} == {
        "refreshes": 1,
        "refresh_token_reuse": 1,
        "families_killed": 1,
    }


def test_a_lost_token_answer_is_mended_within_the_grace_window() -> None:
    """The rotation happened, its answer did not arrive; the old token gets another pair."""
    with Sandbox(refresh_grace_seconds=60, faults=Faults(token_drop_after=1)) as sandbox:
        token = sandbox.grant()["refresh_token"]
        with httpx.Client(base_url=sandbox.url) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                refresh(client, token)
            again = refresh(client, token)

    assert again.status_code == 200
    assert sandbox.ledger()["refreshes"] == 2


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"refresh_token": "unknown"}, 401, "invalid_grant"),
    ],
)
def test_the_token_endpoint_says_what_is_wrong(
    client: httpx.Client, changes: dict[str, Any], status: int, error: str
) -> None:
    """Client, grant type and grant are told apart by status and error."""
    body = {"grant_type": "refresh_token", "refresh_token": "x", **SECRETS, **changes}
    response = client.post("/a/auth/v0/token", json=body)

    assert (response.status_code, response.json()["error"]) == (status, error)


def test_the_client_may_authenticate_by_basic(sandbox: Sandbox, client: httpx.Client) -> None:
    """Credentials in the header serve as those in the body do."""
    body = {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"]}
    response = client.post("/oauth2/token", json=body, auth=("sandbox-client", "sandbox-secret"))

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("token_error", "status", "content"),
    [("invalid_client", 401, "invalid_client"), ("500", 500, "wrong"), ("html", 200, "<!doctype")],
)
def test_a_broken_token_endpoint_keeps_the_grant(
    sandbox: Sandbox, client: httpx.Client, token_error: str, status: int, content: str
) -> None:
    """The fault shows, and once it is off the same refresh token still works."""
    token = sandbox.grant()["refresh_token"]
    sandbox.set_faults(Faults(token_error=token_error))
    broken = refresh(client, token)
    sandbox.set_faults(Faults())

    assert broken.status_code == status
    assert content in broken.text
    assert refresh(client, token).status_code == 200


def test_a_customer_who_removes_the_app_is_gone(sandbox: Sandbox, client: httpx.Client) -> None:
    """After revoke neither token works; after expire_access_tokens only a refresh helps."""
    tokens = sandbox.grant()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    sandbox.expire_access_tokens()
    assert client.get("/v1/locations", headers=bearer).status_code == 401
    tokens = refresh(client, tokens["refresh_token"]).json()
    sandbox.revoke("10000")

    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/v1/locations", headers=bearer).status_code == 401
    assert refresh(client, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert sandbox.ledger()["unauthorised"] == 2
