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
        Unauthorised: the new token was refused, too; it says which one that was.
        EnvoyError: what the call, or the refresh before it, came to.
    """
    token = tokens.access(connection_id)
    try:
        return call(token.value)
    except Unauthorised:
        token = tokens.access(connection_id, rejected_version=token.version)
    try:
        return call(token.value)
    except Unauthorised as error:
        error.token_version = token.version
        raise
