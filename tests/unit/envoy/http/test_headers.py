"""Tokens in headers."""

import pytest

from worker.envoy.http.headers import authorization
from worker.errors import Unauthorised


def test_a_token_goes_into_the_authorization_header() -> None:
    """RFC 6750 section 2.1."""
    assert authorization("aZ09-._~+/==") == {"Authorization": "Bearer aZ09-._~+/=="}


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "ü", "a=b", "a\x00", "a\n"])
def test_a_token_that_could_forge_a_header_is_refused(token: str) -> None:
    """It is treated as not accepted, so that it is refreshed; it is not quoted."""
    with pytest.raises(Unauthorised) as caught:
        authorization(token)

    assert caught.value.error_code == "bad_token"
    assert "Evil" not in str(caught.value)
