"""What an answer of the API means: its data, or the error that says what to do next.

The table is the one in Envoy's API reference under "errors", read carefully: only a status that
surely means "not executed" may say so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from worker.envoy import retry_after
from worker.envoy.bodies import json_object
from worker.envoy.wording import digest, explanation
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    OutcomeUnknown,
    Refused,
    RouteLost,
    Throttled,
    Unauthorised,
)

# What a gateway answers, too, that has lost its routes or blocks a method: the address, a verb or a format is
# not known.  Alone it is no verdict on what was asked for.
OF_A_ROUTE = frozenset({404, 405, 406, 410, 415})
_BY_STATUS: Mapping[int, type[EnvoyError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: NotFound,
    410: NotFound,
    # The server gave up waiting for the request, or met another one: it may have acted on ours.
    408: OutcomeUnknown,
    409: OutcomeUnknown,
    425: Throttled,
    429: Throttled,
}
_BY_HUNDRED: Mapping[int, type[EnvoyError]] = {3: Misdirected, 4: Refused}
_HINTS: Mapping[type[EnvoyError], str] = {
    Misdirected: "check the URLs in [envoy]: a redirect is never followed",
    RouteLost: "check [envoy] api_url: what answers there does not know Envoy's addresses",
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
    """Return whether the request was accepted (2xx)."""
    return 200 <= status < 300  # noqa: PLR2004 -- as RFC 9110 has it


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> EnvoyError:
    """Return the error that a status outside 2xx means; of *body* only harmless words are kept."""
    kind = _kind(status, body)
    words = explanation(body)
    return kind(
        f"Envoy answered {status}: {words}" if words else f"Envoy answered {status}",
        error_code=_code(kind, status),
        http_status=status,
        retry_after=retry_after.seconds(headers, now=now or datetime.now(UTC)),
        hint=_HINTS.get(kind, ""),
        digest=digest(status, body) if issubclass(kind, Refused) else None,
    )


def may_be_a_gateways(error: BaseException | None) -> bool:
    """Return whether a refusal in Envoy's form may come from something before Envoy all the same."""
    return isinstance(error, Refused) and error.http_status in OF_A_ROUTE


def route_lost(error: EnvoyError) -> RouteLost:
    """Return the error of a refusal that cannot be about what was asked for, since its address is Envoy's."""
    return RouteLost(str(error), http_status=error.http_status, hint=_HINTS[RouteLost])


def _kind(status: int, body: bytes) -> type[EnvoyError]:
    # Envoy's own answers are JSON objects; a page of HTML is that of whatever stands before it.
    if status in OF_A_ROUTE and json_object(body) is None:
        return RouteLost
    return _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, OutcomeUnknown)


def _code(kind: type[EnvoyError], status: int) -> str:
    if kind is Refused:
        return f"refused_{status}"
    if kind is OutcomeUnknown:
        return f"http_{status}"
    return kind.default_code
