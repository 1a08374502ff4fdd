"""Call Envoy with a connection's token, and once more with a new one where it was refused."""

from collections.abc import Callable
from typing import TypeVar

from worker.connections.tokens import Tokens
from worker.errors import Unauthorised

Result = TypeVar("Result")


def with_token(tokens: Tokens, connection_id: int, call: Callable[[str], Result]) -> Result:
    """Return what *call* returns for an access token; for harmless calls only, since it may be made twice.

    Raises:
        NeedsAuthorisation: the connection has no usable grant.
        EnvoyError: what the call, or the refresh before it, came to.
    """
    token = tokens.access(connection_id)
    try:
        return call(token.value)
    except Unauthorised:
        rejected = token.version
    return call(tokens.access(connection_id, rejected_version=rejected).value)
