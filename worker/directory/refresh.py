"""Read a connection's directory from Envoy once more."""

import structlog

from worker.connections.model import Connection
from worker.connections.tokens.access import PATIENCE_SECONDS, Tokens
from worker.connections.tokens.calls import with_token
from worker.database import Database
from worker.directory import store
from worker.directory.model import FLOWS, LOCATIONS
from worker.directory.resolve import Directory
from worker.envoy.api import EnvoyApi

log = structlog.get_logger()


def refresh(
    database: Database,
    api: EnvoyApi,
    tokens: Tokens,
    connection: Connection,
    *,
    patience_seconds: float | None = PATIENCE_SECONDS,
) -> Directory:
    """Read all pages of locations and flows, store them, and return them.

    *patience_seconds* are for a refresh of the token.

    Raises:
        BeingRefreshed: the refresh takes longer.
        NeedsAuthorisation: the connection has no usable grant.
        EnvoyError: Envoy could not be read; what was known before stays.
    """
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    # Before the question: a row that is written while it is on its way is newer than its answer.
    asked_at = database.read_now()
    content = read(api, tokens, connection.id, patience_seconds=patience_seconds)
    store.replace(database, connection.id, content, asked_at=asked_at)
    tell(connection.name, content)
    del content  # what was read is not kept beside what is loaded now
    return store.load(database, connection.id)


def read(
    api: EnvoyApi, tokens: Tokens, connection_id: int, *, patience_seconds: float | None = PATIENCE_SECONDS
) -> store.Content:
    """Read all pages of locations and flows, and return them.

    Raises:
        NeedsAuthorisation, TryLater: the connection has no usable token.
        EnvoyError: Envoy could not be read.
    """
    locations = with_token(tokens, connection_id, api.locations, patience_seconds=patience_seconds)
    flows = with_token(tokens, connection_id, api.flows, patience_seconds=patience_seconds)
    return store.content_of(locations, flows)


def tell(name: str, content: store.Content) -> None:
    """Emit the event of a directory that was read."""
    log.info(
        "directory.refreshed",
        connection=name,
        locations=len(content[LOCATIONS]),
        flows=len(content[FLOWS]),
    )
