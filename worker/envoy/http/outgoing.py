"""A request as it will go out: where to, checked headers, JSON without blanks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from json import JSONEncoder

import httpcore
import httpx

from worker.envoy.http.headers import checked
from worker.errors import Misdirected

_PORTS = {"http": 80, "https": 443}
_ESCAPED = r"%[0-9A-F]{2}"
# An address that is already as it goes out: nothing to encode in it, no fragment, no step up ("/..").
_PLAIN = re.compile(
    rf"(https?://[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?)"
    rf"((?:/(?![./])(?:[A-Za-z0-9._~:@=+-]|{_ESCAPED})*)+(?:\?(?:[A-Za-z0-9._~:@=+&/-]|{_ESCAPED})*)?)"
)
_encode = JSONEncoder(separators=(",", ":"), allow_nan=False).encode
Raw = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """A server: who listens there, and what the header Host calls it."""

    scheme: str
    host: str
    port: int
    name: bytes

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken to in TLS."""
        return self.scheme == "https"

    @property
    def origin(self) -> httpcore.Origin:
        """The same in the library's words."""
        return httpcore.Origin(self.scheme.encode(), self.host.encode(), self.port)


class Outgoing:
    """Makes requests that all carry the same headers, and their own beside."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Check and encode *headers* once.

        Raises:
            ValueError: a header holds what a header must not.
        """
        self._headers = _encoded(headers)

    def request(
        self, method: str, url: str, headers: Mapping[str, str], json: object | None
    ) -> tuple[Place, httpcore.Request]:
        """Return where a request goes, and the request.

        Raises:
            Misdirected: *url* is none.
            ValueError: a header holds what a header must not.
        """
        place, target = _parts(url)
        content = b""
        fields = [(b"Host", place.name), *self._headers, *_encoded(headers)]
        if json is not None:
            content = _encode(json).encode()
            fields.append((b"Content-Type", b"application/json"))
        if content or method == "POST":
            fields.append((b"Content-Length", b"%d" % len(content)))
        address = httpcore.URL(
            scheme=place.scheme.encode(), host=place.host.encode(), port=place.port, target=target
        )
        return place, httpcore.Request(method.encode(), address, headers=fields, content=content)


def _encoded(headers: Mapping[str, str]) -> list[Raw]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in checked(headers).items()]


def _parts(url: str) -> tuple[Place, bytes]:
    """Return the server and the target of an address."""
    plain = _PLAIN.fullmatch(url)
    if plain is not None:
        return _place(plain[1]), plain[2].encode()
    return _place(url), _absolute(url).raw_path


@lru_cache(maxsize=64)
def _place(url: str) -> Place:
    parsed = _absolute(url)
    port = parsed.port or _PORTS[parsed.scheme]
    return Place(parsed.scheme, parsed.raw_host.decode("ascii"), port, parsed.netloc)


def _absolute(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in _PORTS or not parsed.host:
        raise Misdirected(
            "a configured URL is no URL", error_code="bad_url", hint="correct the URLs in [envoy]"
        )
    return parsed
