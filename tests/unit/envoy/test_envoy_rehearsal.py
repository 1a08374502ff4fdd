"""The proof that deadlines can be kept: libraries that would lose them are found out."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpcore
import httpx
import pytest

from worker.envoy.deadlines import DeadlineBackend, DeadlineStream
from worker.envoy.rehearsal import require_deadlines
from worker.envoy.transport import KeptTransport
from worker.errors import SettingsError

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Silent(KeptTransport):
    """A library that has another word for the first byte."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Say nothing by the trace."""
        request.extensions["trace"] = renamed(request.extensions["trace"])
        return super().handle_request(request)


class Backward(KeptTransport):
    """A library that asks for the last look before it connects."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Tell of the first byte too early."""
        request.extensions["trace"]("http11.send_request_headers.started", {})
        return super().handle_request(request)


class Unsealed(httpcore.NetworkBackend):
    """A library that encrypts by itself, beside our stream."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        """Connect by our backend."""
        stream = self._backend.connect_tcp(*arguments, **options)
        assert isinstance(stream, DeadlineStream)
        stream.start_tls = stream._inner.start_tls  # type: ignore[method-assign,assignment]
        return stream


def no_such_option(_backend: httpcore.NetworkBackend) -> httpx.BaseTransport:
    """Fail as a library without the option that we build on."""
    raise TypeError("unexpected keyword argument 'network_backend'")


def renamed(trace: Callable[[str, Mapping[str, object]], None]) -> Callable[..., None]:
    """Return the same under other names."""
    return lambda event, details: trace(f"h1.{event}", details)


def unwrapped(backend: httpcore.NetworkBackend) -> httpx.BaseTransport:
    """Make a transport whose streams know no deadline."""
    assert isinstance(backend, DeadlineBackend)
    return KeptTransport(CONTEXT, backend._inner)


def test_the_transport_that_is_used_keeps_deadlines() -> None:
    """Every operation comes by our backend, and the last look right before the first byte."""
    require_deadlines(lambda backend: KeptTransport(CONTEXT, backend))


@pytest.mark.parametrize(
    "make",
    [
        lambda _backend: KeptTransport(CONTEXT, httpcore.SyncBackend()),
        lambda _backend: httpx.MockTransport(lambda _request: httpx.Response(200, json={})),
        lambda backend: Silent(CONTEXT, backend),
        lambda backend: Backward(CONTEXT, backend),
        unwrapped,
        lambda backend: KeptTransport(CONTEXT, Unsealed(backend)),
        no_such_option,
    ],
    ids=[
        "own network",
        "no network",
        "other trace",
        "trace too early",
        "no timeouts",
        "no timeouts under TLS",
        "no option",
    ],
)
def test_a_library_that_would_lose_deadlines_lets_nothing_start(
    make: Callable[[httpcore.NetworkBackend], httpx.BaseTransport],
) -> None:
    """One line says what to do, before anything is sent without a deadline."""
    with pytest.raises(SettingsError, match="deadline") as caught:
        require_deadlines(make)

    assert "requirements.txt" in caught.value.hint
