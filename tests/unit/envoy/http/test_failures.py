"""Why a connection did not come about."""

import socket
import ssl

import pytest

from worker.envoy.http.failures import connect_code, not_sent, outcome_unknown


def wrapped(cause: BaseException) -> Exception:
    """Return what a library makes of *cause*: its own error, the cause hidden in the context."""
    error = RuntimeError()
    error.__context__, error.__suppress_context__ = cause, True
    return error


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (ssl.SSLCertVerificationError("expired"), "tls_failed"),
        (ssl.SSLError("wrong version number"), "tls_failed"),
        (ssl.SSLEOFError("closed in the handshake"), "connect_failed"),
        (socket.gaierror("no such name"), "dns_failed"),
        (UnicodeError("label too long"), "dns_failed"),
        (ConnectionRefusedError(), "connect_failed"),
    ],
)
def test_the_hidden_cause_names_the_failure(cause: BaseException, code: str) -> None:
    """A bad certificate needs a person, a refused connection only time."""
    assert code == connect_code(wrapped(cause))


def test_a_circle_of_causes_ends() -> None:
    """Exceptions can be chained to themselves."""
    first, second = OSError(), OSError()
    first.__cause__, second.__cause__ = second, first

    assert connect_code(first) == "connect_failed"


@pytest.mark.parametrize(
    "code", ["dns_failed", "connect_failed", "connect_timeout", "tls_failed", "pool_exhausted"]
)
def test_every_unsent_request_names_its_host(code: str) -> None:
    """One line says what, and for whom."""
    error = not_sent(code, "api.envoy.com")

    assert code == error.error_code
    assert "api.envoy.com" in str(error)


@pytest.mark.parametrize("code", ["timeout", "connection_lost", "answer_too_large", "bad_answer"])
def test_every_unanswered_request_names_its_host(code: str) -> None:
    """One line says what, and for whom."""
    error = outcome_unknown(code, "api.envoy.com")

    assert code == error.error_code
    assert "api.envoy.com" in str(error)
