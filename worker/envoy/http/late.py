"""An HTTP client that is made by the first request: loading its library takes a tenth of a second."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, Required, TypedDict, Unpack

if TYPE_CHECKING:
    from worker.envoy.http.client import Answer, BeforeWrite


class Options(TypedDict, total=False):
    """How a request is sent, as HttpClient has it."""

    deadline_seconds: Required[float]
    headers: Mapping[str, str] | None
    json: object | None
    max_bytes: int | None
    before_write: "BeforeWrite | None"


class Http(Protocol):
    """What sends single requests."""

    def send(self, method: str, url: str, **options: Unpack[Options]) -> "Answer":
        """Send one request and return its answer."""


class LateHttp:
    """Sends by a client that it makes when it is first asked to; shared by all threads."""

    def __init__(self, make: Callable[[], Http]) -> None:
        """Make nothing yet; *make* is called once."""
        self._make = make
        self._made: Http | None = None
        self._lock = threading.Lock()

    def send(self, method: str, url: str, **options: Unpack[Options]) -> "Answer":
        """Send one request and return its answer, as the client does.

        Raises:
            SettingsError: the HTTP library that is installed keeps no deadline.
        """
        return (self._made or self._client()).send(method, url, **options)

    def _client(self) -> Http:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
