"""What the operator reads when a request did not come to an answer.

The host is named, for it comes from the settings; never a path, a query or a body.
"""

import socket
import ssl
from collections.abc import Iterator

from worker.errors import NotSent, OutcomeUnknown

# Not sent for a reason that may be gone in a second.  A bad certificate is not.
PASSING = frozenset({"dns_failed", "connect_failed", "connect_timeout", "pool_exhausted"})

MESSAGES = {
    "dns_failed": "the name {host} cannot be resolved",
    "connect_failed": "{host} does not take the connection",
    "connect_timeout": "{host} did not take the request in time; nothing was sent",
    "tls_failed": "the certificate or TLS handshake of {host} is not acceptable",
    "pool_exhausted": "all connections to {host} are in use",
    "timeout": "{host} did not answer in time",
    "connection_lost": "{host} closed the connection before its answer was complete",
    "answer_too_large": "the answer of {host} is larger than anything expected",
    "bad_answer": "the answer of {host} is not understood",
}
_HINTS = {
    "dns_failed": "check the URLs in [envoy] and this host's name resolution",
    "tls_failed": "check the URLs in [envoy], this host's clock and its CA certificates",
}


def not_sent(code: str, host: str) -> NotSent:
    """Return the error of a request of which no byte left."""
    return NotSent(MESSAGES[code].format(host=host), error_code=code, hint=_HINTS.get(code, ""))


def outcome_unknown(code: str, host: str) -> OutcomeUnknown:
    """Return the error of a request that was sent, and not answered properly."""
    return OutcomeUnknown(MESSAGES[code].format(host=host), error_code=code)


def connect_code(error: BaseException) -> str:
    """Return why a connection did not come about, from the causes of *error*."""
    for cause in _chain(error):
        # An end of file in the handshake is a lost connection, not a bad certificate.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return "tls_failed"
        if isinstance(cause, socket.gaierror | UnicodeError):
            return "dns_failed"
    return "connect_failed"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # httpcore raises "from None": the cause is gone, the context is not.
        link = link.__cause__ or link.__context__
