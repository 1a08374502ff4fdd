"""Read a connection's directory anew from Envoy."""

import structlog

from worker.connections.calls import with_token
from worker.connections.model import Connection
from worker.connections.tokens import Tokens
from worker.database import Database
from worker.directory import store
from worker.directory.resolve import Directory
from worker.envoy.api import EnvoyApi

log = structlog.get_logger()


def refresh(database: Database, api: EnvoyApi, tokens: Tokens, connection: Connection) -> Directory:
    """Read all pages of locations and flows, store them, and return them.

    Raises:
        NeedsAuthorisation: the connection has no usable grant.
        EnvoyError: Envoy could not be read; what was known before stays.
    """
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    _replace(database, api, tokens, connection.id)
    directory = store.load(database, connection.id)
    log.info(
        "directory.refreshed",
        connection=connection.name,
        locations=len(directory.locations),
        flows=len(directory.flows),
    )
    return directory


def _replace(database: Database, api: EnvoyApi, tokens: Tokens, connection_id: int) -> None:
    """Read and store; what was read is not kept beside what is loaded then."""
    locations = with_token(tokens, connection_id, api.locations)
    flows = with_token(tokens, connection_id, api.flows)
    store.replace(database, connection_id, locations, flows)
