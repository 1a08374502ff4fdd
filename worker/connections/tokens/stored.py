"""The access tokens that the table holds: who has one, how long it lasts, and when it is due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from worker.commands import command
from worker.connections.company import another_companys
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import look
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.tokens.expiry import AccessToken, is_fresh
from worker.connections.vault import Vault
from worker.database import Database
from worker.errors import NeedsAuthorisation, TokenDamaged
from worker.logs import add_secret

Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """As much of a connection's row as it takes to hand its token out."""

    id: int
    name: str
    status: str
    status_reason: str | None
    access_token_enc: str | None = field(repr=False)
    access_issued_at: datetime | None
    access_expires_at: datetime | None
    token_version: int
    hold_reason: str | None
    refresh_started_at: datetime | None
    refresh_error: str | None
    refresh_retry_at: datetime | None
    has_refresh_token: bool
    read_at: datetime  # by the database's clock


Row = TypeVar("Row", TokenRow, Connection)
_AS_STORED = TokenRow.__slots__[:-2]


class StoredTokens:
    """Reads and opens stored access tokens."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        """Take the clock that tells how old tokens are."""
        self._database = database
        self._vault = vault
        self._clock = clock
        # Built once: every page of every connection asks this.
        self._glance = _token_row(database)

    def glance(self, connection_id: int) -> TokenRow:
        """Return what the usual case needs, as it is stored now.

        Raises:
            NeedsAuthorisation: the connection has no grant, or another company's.
        """
        with self._database.read() as connection:
            found = connection.execute(self._glance, {"connection_id": connection_id}).one_or_none()
        return _complete(None if found is None else TokenRow(*found))

    def seen(self, row: Connection, read_at: datetime) -> TokenRow:
        """Return the same of a row that was read already."""
        values = [*(getattr(row, name) for name in _AS_STORED), row.refresh_token_enc is not None, read_at]
        return _complete(TokenRow(*values))

    def look(self, connection_id: int) -> tuple[Connection, datetime]:
        """Return the whole row, and the database's time.

        Raises:
            NeedsAuthorisation: the connection has no grant, or another company's.
        """
        row, now = look(self._database, connection_id)
        granted = _with_grant(row)
        if granted.access_token_enc is None and granted.refresh_token_enc is None:
            raise _no_grant(granted)
        return granted, now

    def valid(self, row: TokenRow | Connection, rejected_version: int | None) -> AccessToken | None:
        """Return the token if it can be read, is not over, and newer than the one that was refused."""
        if rejected_version is not None and row.token_version <= rejected_version:
            return None
        try:
            token = self.open(row)
        except TokenDamaged:  # a refresh gives a new one
            return None
        return token if self._clock() < token.expires_at else None

    def open(self, row: TokenRow | Connection) -> AccessToken:
        """Return the token, whether it is over or not.

        Raises:
            TokenDamaged: it cannot be read.
        """
        value = self._vault.open(row.access_token_enc, connection_id=int(row.id or 0), field="access")
        add_secret(value)
        issued_at = row.access_issued_at or self._clock()
        return AccessToken(value, row.token_version, issued_at, row.access_expires_at or issued_at)

    def is_damaged(self, row: TokenRow | Connection) -> bool:
        """Return whether the token cannot be read."""
        try:
            self.open(row)
        except TokenDamaged:
            return True
        return False

    def is_fresh(self, connection_id: int, token: AccessToken) -> bool:
        """Return whether a token needs no successor yet."""
        return is_fresh(token.issued_at, token.expires_at, connection_id, self._clock())


def _token_row(database: Database) -> sa.Select[*tuple[Any, ...]]:
    own = CONNECTIONS.c
    as_stored = (own[name] for name in _AS_STORED)
    by_id = own.id == sa.bindparam("connection_id")
    return sa.select(*as_stored, own.refresh_token_enc.is_not(None), database.now()).where(by_id)


def _complete(row: TokenRow | None) -> TokenRow:
    found = _with_grant(row)
    if found.access_token_enc is None and not found.has_refresh_token:
        raise _no_grant(found)
    return found


def _with_grant(row: Row | None) -> Row:
    if row is None:
        raise NeedsAuthorisation("the connection is gone")
    if row.status != ConnectionStatus.ACTIVE:
        raise _no_grant(row)
    if row.hold_reason == HoldReason.OTHER_COMPANY:
        raise another_companys(row.name)
    return row


def _no_grant(row: TokenRow | Connection) -> NeedsAuthorisation:
    return NeedsAuthorisation(
        f"{row.name}: no usable grant ({row.status_reason or row.status})",
        hint=f"run `{command('connect', row.name)}`",
    )
