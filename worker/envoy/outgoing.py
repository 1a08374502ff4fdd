"""A request as it will go out: an absolute URL, checked headers, JSON without blanks."""

from collections.abc import Mapping
from json import dumps

import httpx

from worker.envoy.headers import checked
from worker.errors import Misdirected

CONNECT_SECONDS = 5.0


def request_of(
    method: str, url: str, headers: Mapping[str, str], json: object | None, seconds: float
) -> httpx.Request:
    """Return the request; none of its operations may take longer than *seconds*.

    Raises:
        Misdirected: *url* is none.
        ValueError: a header holds what a header must not.
    """
    content = None if json is None else dumps(json, separators=(",", ":"), allow_nan=False).encode()
    typed = {} if content is None else {"Content-Type": "application/json"}
    timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
    return httpx.Request(
        method,
        _absolute(url),
        headers=checked({**headers, **typed}),
        content=content,
        extensions={"timeout": timeout.as_dict()},
    )


def _absolute(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Misdirected("a configured URL is no URL", error_code="bad_url", hint="mend the URLs in [envoy]")
    return parsed
