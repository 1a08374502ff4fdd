"""Header values that can be nothing but values: no line break smuggles in another header."""

import re
from collections.abc import Mapping

from worker.errors import Unauthorised

_VALUE = re.compile(r"[\t\x20-\x7e]*")
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def is_bearer(token: str) -> bool:
    """Tell whether *token* may stand in a header (b64token, RFC 6750 section 2.1)."""
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
