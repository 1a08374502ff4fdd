"""Header values that can be nothing but values: no line break smuggles in another header."""

import re
from collections.abc import Iterable, Iterator, Mapping

from worker.errors import Unauthorised

_VALUE = re.compile(r"[\t\x20-\x7e]*")
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def is_bearer(token: str) -> bool:
    """Return whether *token* may stand in a header (b64token, RFC 6750 section 2.1)."""
    return _B64TOKEN.fullmatch(token) is not None


def authorization(token: str) -> dict[str, str]:
    """Return the header that carries *token*; Unauthorised, before anything is sent, if none can."""
    if not is_bearer(token):
        raise Unauthorised("the stored access token holds characters no token has", error_code="bad_token")
    return {"Authorization": f"Bearer {token}"}


def checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return *headers*; ValueError, which names the header only, for a value that is not printable ASCII."""
    for name, value in headers.items():
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of header {name} is not printable ASCII")
    return headers


class AnswerHeaders(Mapping[str, str]):
    """The headers of an answer, by their names in any case; what came twice is joined by a comma."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        """Take them as they came."""
        self._values: dict[bytes, bytes] = {}
        for name, value in raw:
            key = name.lower()
            before = self._values.get(key)
            self._values[key] = value if before is None else before + b", " + value

    def __getitem__(self, name: str) -> str:
        """Return the value of a header."""
        return self._values[name.lower().encode()].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        """Give the names, in small letters."""
        return (name.decode("latin-1") for name in self._values)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show how many, and none of them."""
        return f"AnswerHeaders({len(self)})"
