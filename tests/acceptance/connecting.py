"""The command connect as an operator starts it, and the consent page as a browser opens it."""

from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

from tests.installation import PATIENCE_SECONDS, Installation
from tests.workers import Piped


class _Stay(HTTPRedirectHandler):
    """Stops before the redirect, as a browser on another machine cannot follow it."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nothing."""


def redirected(url: str) -> str:
    """Return where the consent page would send the browser."""
    try:
        build_opener(_Stay()).open(Request(url))  # noqa: S310 -- loopback
    except HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError("no redirect")


def begun(installation: Installation, *arguments: str, **env: str) -> tuple[Piped, str]:
    """Start `connect acme`, and return it with the URL that it prints."""
    process = installation.start("connect", "acme", *arguments, **env)
    return process, process.stdout.readline().strip()


def visit(url: str) -> int:
    """Open a URL as a browser does; return the last page's status."""
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 -- loopback
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def ended(process: Piped, stdin: str = "") -> tuple[int, str, str]:
    """Wait for the end; return exit code, rest of stdout, stderr."""
    out, err = process.communicate(stdin, timeout=PATIENCE_SECONDS)
    return process.wait(), out, err
