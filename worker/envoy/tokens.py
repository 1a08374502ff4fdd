"""Answers of the token endpoint: tokens with their lifetimes, or whose fault it is.

Whose fault is decided by the ``error`` word of RFC 6749 section 5.2 and not by the status: Envoy
answers 401 to a bad refresh token and to a bad client secret alike.  No part of a body gets into
an error.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.envoy.answers import error_of, is_success
from worker.envoy.bodies import json_object
from worker.envoy.http import http_date
from worker.envoy.http.headers import is_bearer
from worker.envoy.identifiers import identifier
from worker.errors import (
    ClientRefused,
    EnvoyError,
    GrantDead,
    OutcomeUnknown,
    Throttled,
    TokenRefused,
)

LEAST_SECONDS, MOST_SECONDS = 1.0, 10 * 365 * 86_400.0

_OUR_FAULT = frozenset(
    {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_scope"}
)
_CLIENT_HINT = "check ENVOY_CLIENT_ID, ENVOY_CLIENT_SECRET and [envoy] token_url"
# As RFC 6749 section 3.3 has it, and short: scopes are stored, shown and compared.
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What the token endpoint gave; lifetimes in seconds, None if Envoy does not say."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None
    refresh_expires_in: float | None
    company_id: str | None
    scopes: tuple[str, ...] | None
    server_time: datetime | None


def token_answer(status: int, headers: Mapping[str, str], body: bytes) -> TokenAnswer:
    """Return the tokens of a success, or raise what the answer means.

    A success without usable tokens is OutcomeUnknown ("bad_token_answer"): the old refresh token
    may be spent.
    """
    if not is_success(status):
        raise _refusal(status, headers, body)
    # A token is not thrown away because what stands beside it is nonsense.
    data = json_object(body, constant=float) or json_object(_mended(body), constant=float) or {}
    access = data.get("access_token")
    if not isinstance(access, str) or not is_bearer(access) or not _bearer_type(data.get("token_type")):
        raise OutcomeUnknown(
            "the token endpoint's answer holds no usable token",
            error_code="bad_token_answer",
            http_status=status,
        )
    return TokenAnswer(
        access_token=access,
        refresh_token=_text(data.get("refresh_token")),
        expires_in=lifetime(data.get("expires_in")),
        refresh_expires_in=lifetime(data.get("refresh_token_expires_in")),
        company_id=identifier(data.get("company_id")),
        scopes=_scopes(data.get("scope")),
        server_time=http_date.parse(headers.get("Date")),
    )


def lifetime(value: object) -> float | None:
    """Return a lifetime in seconds, 1 to ten years; None for anything that is no positive number."""
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not value > 0 or value == math.inf:  # also: not a number
        return None
    return float(min(max(value, LEAST_SECONDS), MOST_SECONDS))


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> EnvoyError:
    """Return the error of an answer outside 2xx; only 4xx may be about grant or client."""
    plain = error_of(status, headers, b"{}")  # its words may be secrets
    if status // 100 != 4 or status in {408, 425, 429}:  # noqa: PLR2004 -- as RFC 9110 has it
        return plain
    word = _error_word(body)
    if word in _OUR_FAULT:
        text = f"the token endpoint refuses our client: {word}"
        return ClientRefused(text, error_code=word, http_status=status, hint=_CLIENT_HINT)
    if word == "invalid_grant":
        return GrantDead("the grant is over, or was never given", http_status=status)
    if word == "temporarily_unavailable":
        return Throttled(error_code=word, http_status=status, retry_after=plain.retry_after)
    if word == "server_error":
        return OutcomeUnknown(error_code=word, http_status=status)
    return _unclear(status, plain)


def _unclear(status: int, plain: EnvoyError) -> EnvoyError:
    if status in {400, 401}:
        return TokenRefused(
            f"the token endpoint answered {status} and gave no known reason", http_status=status
        )
    return plain


def _error_word(body: bytes) -> str:
    word = (json_object(body) or {}).get("error")
    return word if isinstance(word, str) else ""


def _bearer_type(value: object) -> bool:
    # Envoy knows no other type, and a pair that is thrown away is a grant that is lost.
    return value is None or (isinstance(value, str) and value.strip().lower() in {"", "bearer"})


def _mended(body: bytes) -> bytes:
    return body.decode(errors="replace").encode()


def _text(value: object) -> str | None:
    """Return a text that can be stored and sent again; half a surrogate pair cannot."""
    if not isinstance(value, str) or not value:
        return None
    return value if value == value.encode(errors="replace").decode() else None


def _scopes(value: object) -> tuple[str, ...] | None:
    words = value if isinstance(value, list) else []
    if isinstance(value, str):
        words = re.split(r"[\s,]+", value.strip())
    return tuple(word for word in words if isinstance(word, str) and _SCOPE.fullmatch(word)) or None
