"""Requests as they go out: addresses, and the headers that frame them."""

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.envoy.http.outgoing import Outgoing

OUTGOING = Outgoing({"User-Agent": "test/1"})
SIGNS = ("/", ".", "..", "v1", "%2F", "%2f", "%zz", "?", "&", "=", "a b", "ü", "#", ":", "@", "'", "~", "\\")
PIECES = st.lists(st.sampled_from(SIGNS), max_size=8).map("".join)
HOSTS = (
    "http://a.example",
    "https://A.example:8443",
    "http://a.example:80",
    "https://[::1]:8",
    "http://ü.example",
    "http://127.0.0.1:8000",
)


@given(st.sampled_from(HOSTS), PIECES)
@example("https://api.envoy.com", "/rest/v1/invites?page=1&perPage=100")
@example("http://a.example", "//b.example/x")
def test_an_address_goes_out_as_the_library_reads_it(host: str, rest: str) -> None:
    """However it is written: the way that saves time takes no other turn."""
    url = host + "/" + rest
    parsed = httpx.URL(url)
    place, request = OUTGOING.request("GET", url, {}, None)

    assert request.url.target == parsed.raw_path
    assert (place.host.encode(), place.name) == (parsed.raw_host, parsed.netloc)
    assert place.port == (parsed.port or {"http": 80, "https": 443}[parsed.scheme])
    assert place.is_tls == (parsed.scheme == "https")


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("GET", None, {}),
        ("DELETE", None, {}),
        ("POST", None, {"Content-Length": "0"}),
        ("POST", {"a": 1}, {"Content-Length": "7", "Content-Type": "application/json"}),
    ],
)
def test_a_request_is_framed_by_its_length(method: str, body: object, framing: dict[str, str]) -> None:
    """One without a body says so where its verb may have one."""
    _, request = OUTGOING.request(method, "http://a.example/", {"X-Request-Id": "r"}, body)

    headers = {name.decode(): value.decode() for name, value in request.headers}
    assert headers == {"Host": "a.example", "User-Agent": "test/1", "X-Request-Id": "r", **framing}


def test_a_body_with_what_is_no_json_is_not_sent() -> None:
    """NaN has no form in JSON."""
    with pytest.raises(ValueError, match="JSON"):
        OUTGOING.request("POST", "http://a.example/", {}, {"a": float("nan")})
