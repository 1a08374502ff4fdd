"""For how long a connection is kept, and what of it is made once."""

import pytest

from worker.envoy.http.certificates import tls_context
from worker.envoy.http.transport import idle_seconds


@pytest.mark.parametrize(
    ("announced", "seconds"),
    [
        (None, 3.0),
        ("", 3.0),
        ("max=100", 3.0),
        ("timeout=60, max=100", 3.0),
        ("timeout=5", 3.0),
        ("timeout=3", 2.0),
        ("max=9,timeout=2", 1.0),
        ('Timeout = "2"', 1.0),
        ("timeout=1", 0.0),
        ("timeout=0", 0.0),
        ("timeout=soon", 3.0),
        ("timeout=-1", 3.0),
        ("xtimeout=1", 3.0),
    ],
)
def test_a_connection_is_idle_for_three_seconds_or_less_if_the_server_says_so(
    announced: str | None, seconds: float
) -> None:
    """A second before the server would close it, it is not used any more."""
    assert idle_seconds(announced) == seconds


def test_the_certificates_are_read_once() -> None:
    """Every client of a process shares one TLS context."""
    assert tls_context(trust_env=False) is tls_context(trust_env=False)


def test_another_file_of_certificates_is_another_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the environment names is trusted by those only who ask for it."""
    plain = tls_context(trust_env=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    unnamed = tls_context(trust_env=True)
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")

    assert len({plain, unnamed, tls_context(trust_env=True)}) == 3
