"""The proof that deadlines can be kept: libraries that would lose them are found out."""

from collections.abc import Callable
from functools import partial
from typing import Any

import httpcore
import pytest

from worker.envoy.http.rehearsal import ANSWER, require_deadlines
from worker.envoy.http.transport import KeptConnection, Open
from worker.errors import SettingsError

SECRETLY = httpcore.Response(200, headers=[(b"Content-Length", b"2")], content=b"[]")


class Elsewhere(httpcore.HTTP11Connection):
    """A library that sends and receives by itself, beside our stream."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Answer from nowhere."""
        assert request
        return SECRETLY


class Hasty(httpcore.HTTP11Connection):
    """A library that asks for an answer before it has written the whole request."""

    def __init__(self, origin: httpcore.Origin, stream: httpcore.NetworkStream) -> None:
        super().__init__(origin, Reading(stream))


class Twice(httpcore.HTTP11Connection):
    """A library that says everything twice, should the first time be lost."""

    def __init__(self, origin: httpcore.Origin, stream: httpcore.NetworkStream) -> None:
        super().__init__(origin, Repeating(stream))


class Changed(httpcore.NetworkStream):
    """Stands between the library and our stream."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        return self._inner.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        """Close."""
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        """Ask."""
        return self._inner.get_extra_info(info)


class Reading(Changed):
    """Reads what the first part of a request is answered with."""

    _early = b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, and read at once."""
        super().write(buffer, timeout)
        self._early = self._early or super().read(len(ANSWER))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what was read."""
        early, self._early = self._early, b""
        return early or super().read(max_bytes, timeout)


class Repeating(Changed):
    """Writes everything twice."""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        super().write(buffer * 2, timeout)


class WithoutLook(httpcore.HTTP11Connection):
    """A library that does not tell whether a connection is idle."""

    is_idle = None  # type: ignore[assignment]


def no_such_class(_origin: object) -> httpcore.HTTP11Connection:
    """Fail as a library whose connection is made otherwise."""
    raise NotImplementedError


def test_the_connection_that_is_used_keeps_deadlines() -> None:
    """Everything goes by our stream, and the last question comes right before the first byte."""
    require_deadlines(KeptConnection)


@pytest.mark.parametrize("speak", [Elsewhere, Hasty, Twice, WithoutLook, no_such_class])
def test_a_library_that_would_lose_deadlines_lets_nothing_start(
    speak: Callable[..., httpcore.HTTP11Connection],
) -> None:
    """One line says what to do, before anything is sent without a deadline."""
    make: Callable[[Open], KeptConnection] = partial(KeptConnection, speak=speak)
    with pytest.raises(SettingsError, match="deadline") as caught:
        require_deadlines(make)

    assert "requirements.txt" in caught.value.hint
