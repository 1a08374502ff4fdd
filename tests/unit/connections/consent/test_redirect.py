"""The URL that comes back with the browser: what is taken from it, and what is refused."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.connections.consent.redirect import AuthorisationRequest, code_from
from worker.errors import NeedsAuthorisation, UsageError

BASE = "http://127.0.0.1:8765/oauth/callback"
REQUEST = AuthorisationRequest(
    url="https://envoy.example/a?state=state-canary",
    state="state-canary-0123456789",
    verifier="verifier-canary",
    redirect_uri=BASE,
    scopes=("invites.write",),
)


def url(base: str = BASE, **parameters: str) -> str:
    """Return a redirect with these parameters."""
    return f"{base}?{urlencode(parameters)}"


def test_the_code_is_taken_from_our_redirect() -> None:
    """Parameters that we do not know are ignored, and so is white space around a pasted URL."""
    redirected = url(state=REQUEST.state, code="abc-123", hint="x", next="https://evil.example")

    assert code_from(REQUEST, f"  {redirected}\n") == "abc-123"


def test_a_redirect_uri_without_a_path_meets_the_browsers_slash() -> None:
    """Browsers add the slash."""
    request = AuthorisationRequest("", "s", None, "http://127.0.0.1:8765", ())

    assert code_from(request, "http://127.0.0.1:8765/?code=a&state=s") == "a"


@pytest.mark.parametrize(
    "redirected",
    [
        url("http://127.0.0.1:8766/oauth/callback", state=REQUEST.state, code="c"),
        url("http://127.0.0.1/oauth/callback", state=REQUEST.state, code="c"),
        url("https://127.0.0.1:8765/oauth/callback", state=REQUEST.state, code="c"),
        url("http://evil.example:8765/oauth/callback", state=REQUEST.state, code="c"),
        url("http://127.0.0.1:8765@evil.example/oauth/callback", state=REQUEST.state, code="c"),
        url("http://me@127.0.0.1:8765/oauth/callback", state=REQUEST.state, code="c"),
        url(f"{BASE}/", state=REQUEST.state, code="c"),
        "http://127.0.0.1:99999999/oauth/callback",
        "http://[::1/oauth",
        "abc-123",
        "",
    ],
)
def test_any_other_address_is_no_redirect_of_ours(redirected: str) -> None:
    """Scheme, host, port and path are compared exactly; the line names the address that is expected."""
    with pytest.raises(UsageError, match="does not begin with http://127"):
        code_from(REQUEST, redirected)


@pytest.mark.parametrize("state", [None, "", "wrong", "state-canary", "ß"])
def test_a_wrong_or_missing_state_is_refused_first(state: str | None) -> None:
    """Anyone who cannot show our state learns nothing, not even by an error parameter."""
    shown = {} if state is None else {"state": state}

    for rest in ({"code": "c"}, {"error": "access_denied"}):
        with pytest.raises(UsageError, match="another authorisation"):
            code_from(REQUEST, url(**shown, **rest))


@pytest.mark.parametrize("name", ["state", "code", "error", "iss"])
def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    """Also where both are the same (RFC 6749 section 3.1)."""
    redirected = url(state=REQUEST.state, code="c", error="access_denied", iss="https://envoy.example")

    with pytest.raises(UsageError, match="twice"):
        code_from(REQUEST, f"{redirected}&{name}=again")


@pytest.mark.parametrize("code", ["", "x" * 2049, "a\r\nb", "ä", "\x00"])
def test_a_code_that_cannot_be_one_is_refused(code: str) -> None:
    """Printable ASCII, 2,048 characters at most."""
    with pytest.raises(UsageError, match="no usable code"):
        code_from(REQUEST, url(state=REQUEST.state, code=code))


def test_a_declined_consent_says_so() -> None:
    """access_denied is the customer's no, also where a code comes along."""
    with pytest.raises(NeedsAuthorisation, match="the customer declined"):
        code_from(REQUEST, url(state=REQUEST.state, error="access_denied", code="c"))


@pytest.mark.parametrize("error", ["<script>alert(1)</script>", "", "\x1b[31m", "x" * 5000])
def test_an_unknown_error_is_not_repeated(error: str) -> None:
    """What a URL carries does not get into the operator's terminal."""
    with pytest.raises(NeedsAuthorisation) as caught:
        code_from(REQUEST, url(state=REQUEST.state, error=error, error_description=error))

    assert "not in OAuth2" in str(caught.value)
    assert not error or error not in str(caught.value)


@given(redirected=st.text(max_size=300) | st.text(max_size=200).map(lambda tail: f"{BASE}?{tail}"))
def test_no_text_gets_anything_but_a_clear_refusal(redirected: str) -> None:
    """Whatever is pasted: one of our errors, which quotes neither state nor code."""
    with pytest.raises((UsageError, NeedsAuthorisation)) as caught:
        code_from(REQUEST, redirected)

    assert REQUEST.state not in str(caught.value)


def test_a_request_shows_no_secret() -> None:
    """State, verifier and URL stay out of reprs."""
    assert "canary" not in repr(REQUEST)
