"""OAuth2 against the sandbox: consent, exchange, refresh, and refusals."""

import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from worker.envoy.http.client import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth, new_state, pkce_pair
from worker.errors import (
    ClientRefused,
    EnvoyError,
    GrantDead,
    NotSent,
    OutcomeUnknown,
    TokenRefused,
)
from worker.sandbox import Faults, Sandbox

CALLBACK = "http://127.0.0.1:8765/oauth/callback"
SCOPES = ("locations.read", "invites.write", "token.refresh")
CREDENTIALS = ClientCredentials("sandbox-client", "sandbox-secret")


class Repair(threading.Event):
    """A stop event on which no time passes: anyone who waits on it finds the sandbox running again."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.waits = 0
        self._sandbox = sandbox

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 -- the library's name
        """Start the sandbox."""
        self.waits += 1
        self._sandbox.start()
        return False


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """Give a client."""
    with HttpClient(max_connections=2, user_agent="test/1") as client:
        yield client


def oauth_of(
    http: HttpClient,
    sandbox: Sandbox,
    *,
    credentials: ClientCredentials = CREDENTIALS,
    seconds: float = 5,
    stop: threading.Event | None = None,
) -> OAuth:
    """Return our side of the grant."""
    return OAuth(
        http,
        credentials,
        authorize_url=f"{sandbox.authorize_url}?auto=allow",
        token_url=sandbox.token_url,
        deadline_seconds=seconds,
        stop=stop,
    )


def consent(http: HttpClient, oauth: OAuth, challenge: str | None) -> str:
    """Let the customer say yes, and return the code."""
    state = new_state()
    url = oauth.authorize_url(redirect_uri=CALLBACK, scopes=SCOPES, state=state, code_challenge=challenge)
    answer = http.send("GET", url, deadline_seconds=5)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == [state]
    return query["code"][0]


def refusal(oauth: OAuth, refresh_token: str) -> EnvoyError:
    """Return the error that a refresh ends with."""
    with pytest.raises(EnvoyError) as caught:
        oauth.refresh(refresh_token)
    return caught.value


def test_a_code_becomes_tokens_and_they_are_refreshed(http: HttpClient, sandbox: Sandbox) -> None:
    """The whole flow with PKCE: both tokens change with the refresh."""
    oauth = oauth_of(http, sandbox)
    verifier, challenge = pkce_pair()

    first = oauth.exchange(consent(http, oauth, challenge), code_verifier=verifier)
    second = oauth.refresh(first.refresh_token or "")

    assert (first.company_id, first.expires_in, first.refresh_expires_in) == ("10000", 86400.0, 2592000.0)
    assert len({first.access_token, first.refresh_token, second.access_token, second.refresh_token}) == 4


def test_pkce_can_be_left_out(http: HttpClient, sandbox: Sandbox) -> None:
    """Envoy does not document it."""
    oauth = oauth_of(http, sandbox)

    assert oauth.exchange(consent(http, oauth, None), code_verifier=None).access_token


def test_a_code_works_once(http: HttpClient, sandbox: Sandbox) -> None:
    """The second exchange is a dead grant, not a fault of ours."""
    oauth = oauth_of(http, sandbox)
    code = consent(http, oauth, None)
    oauth.exchange(code, code_verifier=None)

    with pytest.raises(GrantDead):
        oauth.exchange(code, code_verifier=None)


def test_a_spent_refresh_token_is_a_dead_grant(http: HttpClient, sandbox: Sandbox) -> None:
    """Envoy answers 401; the word decides."""
    oauth = oauth_of(http, sandbox)
    token = sandbox.grant()["refresh_token"]
    oauth.refresh(token)

    error = refusal(oauth, token)

    assert (type(error), error.http_status) == (GrantDead, 401)


def test_a_wrong_secret_is_our_own_fault(http: HttpClient, sandbox: Sandbox) -> None:
    """The same 401, and no customer is blamed."""
    token = sandbox.grant()["refresh_token"]

    error = refusal(oauth_of(http, sandbox, credentials=ClientCredentials("sandbox-client", "x")), token)

    assert type(error) is ClientRefused
    assert "ENVOY_CLIENT_SECRET" in error.hint


@pytest.mark.parametrize(
    ("faults", "kind", "code"),
    [
        (Faults(token_error="strange"), TokenRefused, "token_refused"),
        (Faults(token_error="500"), OutcomeUnknown, "http_500"),
        (Faults(token_error="html"), OutcomeUnknown, "bad_token_answer"),
        (Faults(token_drop_after=1), OutcomeUnknown, "connection_lost"),
        (Faults(token_latency_seconds=2), OutcomeUnknown, "timeout"),
    ],
)
def test_trouble_at_the_endpoint_never_ends_a_grant(
    http: HttpClient, sandbox: Sandbox, faults: Faults, kind: type[EnvoyError], code: str
) -> None:
    """And it is asked once: whether to ask again is the refresher's decision."""
    token = sandbox.grant()["refresh_token"]
    sandbox.set_faults(faults)

    error = refusal(oauth_of(http, sandbox, seconds=0.5), token)

    assert (type(error), error.error_code) == (kind, code)
    assert sandbox.ledger()["refreshes"] <= 1


def test_an_exchange_is_repeated_only_while_nothing_was_sent(http: HttpClient, sandbox: Sandbox) -> None:
    """A restarting endpoint costs no consent."""
    repair = Repair(sandbox)
    oauth = oauth_of(http, sandbox, stop=repair)
    code = consent(http, oauth, None)
    sandbox.stop()

    assert oauth.exchange(code, code_verifier=None).access_token
    assert repair.waits == 1


def test_a_refresh_is_one_request_even_when_nothing_was_sent(http: HttpClient, sandbox: Sandbox) -> None:
    """When to try again is the refresher's decision, for it holds a lease in between."""
    repair = Repair(sandbox)
    oauth = oauth_of(http, sandbox, stop=repair)
    sandbox.stop()

    assert type(refusal(oauth, "r-1")) is NotSent
    assert repair.waits == 0


def test_an_endless_token_answer_is_cut_off(http: HttpClient) -> None:
    """64 kB are more than any pair of tokens needs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        oauth = OAuth(http, CREDENTIALS, authorize_url=url, token_url=url, deadline_seconds=5)
        thread = threading.Thread(target=_flood, args=(listener,))
        thread.start()
        error = refusal(oauth, "r-1")
        thread.join()

    assert (type(error), error.error_code) == (OutcomeUnknown, "answer_too_large")


def _flood(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        request = b""
        while not request.endswith(b"}"):
            request += connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b" " * 70_000)
