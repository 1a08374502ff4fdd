"""What an answer of the API means: its data, or the error that says what to do next.

The table is the one in Envoy's API reference under "errors", read carefully: only a status that
surely means "not executed" may say so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from worker.envoy import retry_after
from worker.envoy.bodies import json_object
from worker.envoy.wording import explanation
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorised,
)

_BY_STATUS: Mapping[int, type[EnvoyError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: NotFound,
    # The server gave up waiting for the request, or met another one: it may have acted on ours.
    408: OutcomeUnknown,
    409: OutcomeUnknown,
    425: Throttled,
    429: Throttled,
}
_BY_HUNDRED: Mapping[int, type[EnvoyError]] = {3: Misdirected, 4: Refused}
_HINTS: Mapping[type[EnvoyError], str] = {
    Misdirected: "check the URLs in [envoy]: a redirect is never followed",
    Forbidden: "a scope, or a role of the person who consented, is missing in Envoy",
}


def decipher(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> dict[str, object]:
    """Return the JSON object of a success, {} where it is empty, or raise what the status means.

    *headers* ignores case; *now* serves a Retry-After date in an answer that has no Date.
    """
    if not is_success(status):
        raise error_of(status, headers, body, now=now)
    data = json_object(body) if body.strip() else {}
    if data is None:
        raise OutcomeUnknown(
            f"Envoy answered {status} with something that is no JSON object",
            error_code="bad_answer",
            http_status=status,
        )
    return data


def is_success(status: int) -> bool:
    """Tell whether the request was accepted (2xx)."""
    return 200 <= status < 300  # noqa: PLR2004 -- as RFC 9110 has it


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> EnvoyError:
    """Return the error that a status outside 2xx means; of *body* only harmless words are kept."""
    kind = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, OutcomeUnknown)
    words = explanation(body)
    return kind(
        f"Envoy answered {status}: {words}" if words else f"Envoy answered {status}",
        error_code=_code(kind, status),
        http_status=status,
        retry_after=retry_after.seconds(headers, now=now or datetime.now(UTC)),
        hint=_HINTS.get(kind, ""),
    )


def _code(kind: type[EnvoyError], status: int) -> str:
    if kind is Refused:
        return f"refused_{status}"
    if kind is OutcomeUnknown:
        return f"http_{status}"
    return kind.default_code
