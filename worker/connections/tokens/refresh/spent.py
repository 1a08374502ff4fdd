"""Refresh tokens that come from a backup: each works once, and may have been used since.

So they are taken for spent: to post such a one may end the grant that the customer has by now.  They are
wiped; an access token that is still valid is used to its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog

from worker.commands import command
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.refresh.saving import CLEARED
from worker.connections.tokens.stored import TokenRow
from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import NeedsAuthorisation

REASON = "restored"
NO_TOKENS: dict[str, object] = {
    "access_token_enc": None,
    "access_issued_at": None,
    "access_expires_at": None,
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Spent:
    """A connection that needs a new grant; ``usable_until`` is the end of the access token that it has."""

    name: str
    usable_until: datetime | None


def take_for_spent(
    connection: sa.Connection, database: Database, clock: Callable[[], datetime]
) -> list[Spent]:
    """Wipe every refresh token, within a transaction; return the connections that need a new grant."""
    own = CONNECTIONS.c
    active = sa.select(own.id, own.name, own.access_token_enc, own.access_expires_at)
    active = active.where(own.status == ConnectionStatus.ACTIVE).order_by(own.name)
    spent: list[Spent] = []
    for row in connection.execute(active).all():
        ends = row.access_expires_at
        usable = row.access_token_enc is not None and ends is not None and clock() < ends
        if not usable:
            change(connection, own.id == row.id, **_ended(database))
        spent.append(Spent(row.name, ends if usable else None))
    wiped = {"refresh_token_enc": None, "refresh_expires_at": None, "lease_owner": None, "lease_until": None}
    change(connection, own.refresh_token_enc.is_not(None), **CLEARED, **wiped, updated_at=database.now())
    return spent


@repeated
def end(database: Database, row: Connection | TokenRow) -> NeedsAuthorisation:
    """End a grant whose last access token is over, tell that once, and return the error to raise."""
    own = CONNECTIONS.c
    with database.write() as connection:
        ended = change(
            connection,
            (own.id == row.id)
            & (own.status == ConnectionStatus.ACTIVE)
            & (own.token_version == row.token_version)
            & own.refresh_token_enc.is_(None),
            **_ended(database),
        )
    hint = f"run `{command('connect', row.name)}`"
    if ended:
        told = {"connection": row.name, "error_code": REASON}
        log.error("connection.needs_authorisation", **told, hint=f"the customer must authorise again: {hint}")
    return NeedsAuthorisation(f"{row.name}: no usable grant ({REASON})", hint=hint)


def _ended(database: Database) -> dict[str, object]:
    status = {"status": ConnectionStatus.NEEDS_AUTHORISATION, "status_reason": REASON}
    return {**status, **NO_TOKENS, "updated_at": database.now()}
