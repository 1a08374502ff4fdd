"""Who may use the sandbox's own pages and controls: programs of this host, and these pages themselves.

A page of another site, open in a developer's browser, can send requests here, and under a name of its
own that leads to loopback it can read the answers.  The browser says so in Host, Origin and Sec-Fetch-Site.
"""

from collections.abc import Mapping
from http import HTTPStatus

from worker.sandbox.refusals import Refused

NAMES = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
# "none": typed, or opened by another program.
OWN_SITES = ("same-origin", "none")


def require_own_host(headers: Mapping[str, str], port: int) -> None:
    """Return where the sandbox was asked for under a name of this host; Refused with 403 otherwise."""
    if headers.get("host", "").lower() not in _hosts(port):
        raise Refused(HTTPStatus.FORBIDDEN, f"ask for http://{NAMES[0]}:{port}, under this name")


def require_own_origin(headers: Mapping[str, str], port: int) -> None:
    """Return where a request comes from one of the sandbox's own pages, or from none; Refused otherwise."""
    site = headers.get("sec-fetch-site", "")
    origin = headers.get("origin", "")
    is_own = origin.lower() == f"http://{headers.get('host', '').lower()}" and _is_ours(origin, port)
    # By a form of a page without referrer the browser sends "null"; where it says same-origin, that holds.
    hidden = origin == "null" and site == "same-origin"
    if site not in ("", *OWN_SITES) or not (origin == "" or is_own or hidden):
        raise Refused(HTTPStatus.FORBIDDEN, "this answers its own pages, and anyone who types its address")


def _is_ours(origin: str, port: int) -> bool:
    return origin.lower().removeprefix("http://") in _hosts(port)


def _hosts(port: int) -> set[str]:
    hosts = {f"{name}:{port}" for name in NAMES}
    return hosts | set(NAMES) if port == HTTP_PORT else hosts
