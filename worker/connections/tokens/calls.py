"""Call Envoy with a connection's token, and once more with a new one where it was refused."""

from collections.abc import Callable
from typing import TypeVar

from worker.connections.tokens.access import PATIENCE_SECONDS, Tokens
from worker.errors import Unauthorised

Result = TypeVar("Result")


def with_token(
    tokens: Tokens,
    connection_id: int,
    call: Callable[[str], Result],
    *,
    patience_seconds: float | None = PATIENCE_SECONDS,
) -> Result:
    """Return what *call* returns for an access token; for harmless calls only, since it may be made twice.

    A token that is valid is used, also while it is refreshed; without one, its refresh is waited for, for
    *patience_seconds* each time: 0 where others have to be served, None if a token that is refused shall
    not be refreshed, since it is new.

    Raises:
        NeedsAuthorisation: the connection has no usable grant.
        BeingRefreshed: the refresh takes longer.
        TryLater: there is no token for now.
        Unauthorised: the new token was refused; it says which one that was.
        EnvoyError: what the call, or the refresh before it, came to.
    """
    token = tokens.soon(connection_id, patience_seconds=patience_seconds or 0.0)
    try:
        return call(token.value)
    except Unauthorised as error:
        if patience_seconds is None:
            error.token_version = token.version
            raise
        rejected = token.version
    token = tokens.soon(connection_id, rejected_version=rejected, patience_seconds=patience_seconds)
    try:
        return call(token.value)
    except Unauthorised as error:
        error.token_version = token.version
        raise
