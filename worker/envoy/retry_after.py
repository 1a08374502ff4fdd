"""How long a server asks us to stay away (RFC 9110 section 10.2.3)."""

import re
from collections.abc import Mapping
from datetime import datetime

from worker.envoy.http import http_date

# A server may slow the worker down, but not stop it for good.
MOST_SECONDS = 3600.0

_DIGITS = re.compile(r"[0-9]+")


def seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, 0 to 3600; None if it makes no sense.

    A date counts from the response's own ``Date``, so that a wrong clock on either side does no
    harm, and from *now* where there is none.  *headers* ignores case.
    """
    text = headers.get("Retry-After", "").strip()
    if _DIGITS.fullmatch(text):
        # As a float: Python refuses to read thousands of digits as an integer.
        return min(float(text), MOST_SECONDS)
    until = http_date.parse(text)
    if until is None:
        return None
    since = http_date.parse(headers.get("Date")) or now
    return min(max((until - since).total_seconds(), 0.0), MOST_SECONDS)
