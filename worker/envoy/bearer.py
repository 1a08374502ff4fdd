"""Bearer tokens on the wire (RFC 6750)."""

import re

from worker.errors import Unauthorised

_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)


def is_bearer(token: str) -> bool:
    """Tell whether *token* may stand in a header (b64token, section 2.1)."""
    return _B64TOKEN.fullmatch(token) is not None


def authorization(token: str) -> dict[str, str]:
    """Return the header that carries *token*; Unauthorised, before anything is sent, if it cannot."""
    if not is_bearer(token):
        raise Unauthorised("the stored access token holds characters no token has", error_code="bad_token")
    return {"Authorization": f"Bearer {token}"}
