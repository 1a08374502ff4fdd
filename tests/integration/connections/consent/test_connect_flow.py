"""The whole consent: from our URL through Envoy's page and the browser back to a stored grant."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.connections.worker_with_token_endpoint import no_locations
from worker.connections import store
from worker.connections.consent.grant import finish
from worker.connections.consent.loopback import RedirectListener
from worker.connections.consent.redirect import AuthorisationRequest, begin, code_from
from worker.connections.states import ConnectionStatus
from worker.connections.vault import Vault, new_key
from worker.database import Database
from worker.envoy.http.client import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth
from worker.errors import GrantDead, NeedsAuthorisation, UsageError
from worker.sandbox import Sandbox
from worker.settings.model import EnvoySettings


@dataclass
class Flow:
    """A sandbox, our side of it, and a free port to come back to."""

    sandbox: Sandbox
    oauth: OAuth
    settings: EnvoySettings
    vault: Vault

    def begin(self) -> AuthorisationRequest:
        """Begin a flow."""
        return begin(self.oauth, self.settings)


@pytest.fixture
def flow(http: HttpClient) -> Iterator[Flow]:
    """Give a running sandbox and a redirect URI on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Sandbox() as sandbox:
        credentials = ClientCredentials("sandbox-client", "sandbox-secret")
        oauth = OAuth(http, credentials, authorize_url=sandbox.authorize_url, token_url=sandbox.token_url)
        settings = EnvoySettings(redirect_uri=f"http://127.0.0.1:{port}/oauth/callback")
        yield Flow(sandbox, oauth, settings, Vault(new_key()))


def redirect_of(request: AuthorisationRequest, verdict: str = "allow") -> str:
    """Click through the consent page, and return where it sends the browser."""
    answer = httpx.get(f"{request.url}&auto={verdict}", trust_env=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_consent_becomes_a_grant(flow: Flow, database: Database) -> None:
    """The URL, the page, the redirect to the loopback port, the code, the exchange with PKCE, the row."""
    request = flow.begin()
    with RedirectListener(request.redirect_uri, lambda url: code_from(request, url)) as listener:
        browser = httpx.get(redirect_of(request), trust_env=False)
        url = listener.wait(5)

    assert url is not None
    row = finish(
        database, flow.vault, flow.oauth, "acme", request, code_from(request, url), look=no_locations
    )
    assert browser.status_code == 200
    assert (row.status, row.company_id) == (ConnectionStatus.ACTIVE, "10000")
    assert row.scopes == "locations.read flows.read invites.write token.refresh"


def test_the_authorize_url_is_as_documented(flow: Flow) -> None:
    """Scopes are joined by one plus sign, the state cannot be guessed, the challenge is S256."""
    url = flow.begin().url
    query = parse_qs(urlsplit(url).query)

    assert "scope=locations.read+flows.read+invites.write+token.refresh" in url
    assert query["response_type"] == ["code"]
    assert query["redirect_uri"] == [flow.settings.redirect_uri]
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["state"][0]) >= 43


def test_pkce_can_be_switched_off(flow: Flow, database: Database) -> None:
    """Without it neither the URL nor the exchange mention it, and the flow works."""
    flow.settings = flow.settings.model_copy(update={"pkce": False})
    request = flow.begin()

    finish(
        database,
        flow.vault,
        flow.oauth,
        "acme",
        request,
        code_from(request, redirect_of(request)),
        look=no_locations,
    )

    assert "code_challenge" not in request.url
    assert store.names(database) == ["acme"]


def test_a_thousand_states_are_all_different(flow: Flow) -> None:
    """A state is never used again."""
    assert len({flow.begin().state for _ in range(1000)}) == 1000


def test_a_declined_consent_is_one_clear_line(flow: Flow) -> None:
    """The customer said no: nothing to exchange, and the page says so, too."""
    request = flow.begin()
    with RedirectListener(request.redirect_uri, lambda url: code_from(request, url)) as listener:
        browser = httpx.get(redirect_of(request, "deny"), trust_env=False)
        url = listener.wait(5)

    assert url is not None
    assert "Nothing was authorised" in browser.text
    with pytest.raises(NeedsAuthorisation, match="the customer declined"):
        code_from(request, url)


def test_a_used_code_is_refused(flow: Flow, database: Database) -> None:
    """A second exchange of one code fails, and stores nothing under the second name."""
    request = flow.begin()
    code = code_from(request, redirect_of(request))
    finish(database, flow.vault, flow.oauth, "acme", request, code, look=no_locations)

    with pytest.raises(GrantDead):
        finish(database, flow.vault, flow.oauth, "globex", request, code, look=no_locations)

    assert store.names(database) == ["acme"]


def test_an_application_without_token_refresh_is_told_so(http: HttpClient, database: Database) -> None:
    """The sandbox grants no refresh token without the scope: the hint names it."""
    with Sandbox() as sandbox:
        credentials = ClientCredentials("sandbox-client", "sandbox-secret")
        oauth = OAuth(http, credentials, authorize_url=sandbox.authorize_url, token_url=sandbox.token_url)
        settings = EnvoySettings(scopes=("invites.write",))
        request = begin(oauth, settings)
        code = code_from(request, redirect_of(request))

        with pytest.raises(NeedsAuthorisation) as caught:
            finish(database, Vault(new_key()), oauth, "acme", request, code, look=no_locations)

    assert "token.refresh" in caught.value.hint
    assert store.names(database) == []


def test_only_the_awaited_redirect_ends_the_wait(flow: Flow) -> None:
    """Icons, other paths and other flows get their answers; the wait goes on until the right URL comes."""
    request = flow.begin()
    base = request.redirect_uri.removesuffix("/oauth/callback")
    right = f"{request.redirect_uri}?code=abc&state={request.state}"
    with RedirectListener(request.redirect_uri, lambda url: code_from(request, url)) as listener:
        statuses = [
            httpx.get(url, trust_env=False).status_code
            for url in (
                f"{base}/", f"{base}/favicon.ico", f"{base}/oauth/callback/more", request.redirect_uri,
                f"{request.redirect_uri}?code=abc&state=wrong", f"{right}&state=twice",
            )
        ]  # fmt: skip
        head = httpx.head(right, trust_env=False).status_code
        early = listener.wait(0.01)
        last = httpx.get(right, trust_env=False).status_code
        url = listener.wait(5)

    assert statuses == [404, 404, 404, 400, 400, 400]
    assert head == 405
    assert (early, last, url) == (None, 200, right)


def test_the_page_keeps_the_code_to_itself(flow: Flow) -> None:
    """No cache, no referrer, no sniffing, nothing loaded, and the code is not on the page."""
    request = flow.begin()
    with RedirectListener(request.redirect_uri) as listener:
        url = f"{request.redirect_uri}?code=canary-code&state={request.state}"
        answer = httpx.get(url, trust_env=False)
        listener.wait(5)

    assert "canary-code" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Server" not in answer.headers


def test_a_silent_connection_does_not_keep_the_browser_waiting(flow: Flow) -> None:
    """Browsers open connections ahead of time; the one with the request is answered all the same."""
    request = flow.begin()
    port = urlsplit(request.redirect_uri).port
    assert port is not None
    with (
        RedirectListener(request.redirect_uri) as listener,
        socket.create_connection(("127.0.0.1", port)),
    ):
        httpx.get(f"{request.redirect_uri}?code=x", trust_env=False, timeout=5)

        assert listener.wait(5) is not None


def test_a_taken_port_is_told_with_a_way_out(flow: Flow) -> None:
    """Another listener on the port: the hint offers to paste the URL instead."""
    with (
        RedirectListener(flow.settings.redirect_uri),
        pytest.raises(UsageError, match="cannot be opened") as caught,
        RedirectListener(flow.settings.redirect_uri),
    ):
        pass

    assert "--paste" in caught.value.hint


def test_a_redirect_uri_elsewhere_is_not_listened_for() -> None:
    """An https address of the company's own site can only be pasted from."""
    with (
        pytest.raises(UsageError, match="redirect_uri") as caught,
        RedirectListener("https://worker.example.com/oauth/callback"),
    ):
        pass

    assert "--paste" in caught.value.hint


def test_the_wait_has_an_end(flow: Flow) -> None:
    """Without a browser nothing comes, and the port is free again."""
    for _ in range(2):
        with RedirectListener(flow.settings.redirect_uri) as listener:
            assert listener.wait(0.01) is None
