"""What the table holds of grants, unopened, and what is wrong with it."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from worker.commands import command
from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus
from worker.connections.vault import Vault
from worker.database import Database
from worker.errors import KeysLost, TokenDamaged
from worker.settings.secrets import ENCRYPTION_KEYS

LOST_HINT = (
    "put the key that sealed them back; nothing was changed.  Only if it is lost for good:"
    " `envoy-worker connections remove NAME` for each connection, then `envoy-worker connect NAME`"
)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One connection's tokens as they are stored."""

    id: int
    name: str
    status: str
    hold_reason: str | None
    token_version: int
    access_token_enc: str | None = field(repr=False)
    refresh_token_enc: str | None = field(repr=False)

    @property
    def tokens(self) -> dict[str, str]:
        """The sealed values that are there, by field."""
        values = {"access": self.access_token_enc, "refresh": self.refresh_token_enc}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def is_usable(self) -> bool:
        """Whether the connection has a grant that is not known to be over."""
        return self.status == ConnectionStatus.ACTIVE and bool(self.tokens)

    def troubles(self, vault: Vault) -> dict[str, TokenDamaged]:
        """Return the tokens that cannot be read, by field."""
        found = {name: _trouble(vault, sealed, self, name) for name, sealed in self.tokens.items()}
        return {name: error for name, error in found.items() if error is not None}

    def damage(self, vault: Vault) -> TokenDamaged | None:
        """Return why the grant cannot be used: a new access token can be had, a new refresh token not."""
        troubles = self.troubles(vault)
        found = troubles.get("access" if self.refresh_token_enc is None else "refresh")
        return None if found is None else self.named(found)

    def named(self, error: TokenDamaged) -> TokenDamaged:
        """Return the same error, of this connection."""
        hint = f"{error.hint}, or run `{command('connect', self.name)}`"
        return TokenDamaged(f"{self.name}: {error}", hint=hint)


_QUERY = sa.select(*(CONNECTIONS.c[name] for name in SealedRow.__slots__)).where(
    sa.or_(CONNECTIONS.c.access_token_enc.is_not(None), CONNECTIONS.c.refresh_token_enc.is_not(None))
)


def sealed_rows(database: Database) -> list[SealedRow]:
    """Return all connections that hold tokens, by name."""
    with database.read() as connection:
        return [SealedRow(*row) for row in connection.execute(_QUERY.order_by(CONNECTIONS.c.name))]


def sealed_row(connection: sa.Connection, connection_id: int, *, lock: bool = False) -> SealedRow | None:
    """Return one that holds tokens, None if it holds none or is gone."""
    query = _QUERY.where(CONNECTIONS.c.id == connection_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else SealedRow(*row)


def require_key(database: Database, vault: Vault) -> list[SealedRow]:
    """Return all connections that hold tokens, where these are under a key that we have.

    Raises:
        KeysLost: they are under others, all of them; going on would ask every customer to connect again.
    """
    rows = sealed_rows(database)
    known = {vault.knows(sealed) for row in rows for sealed in row.tokens.values()}
    if False in known and True not in known:
        raise KeysLost(f"{ENCRYPTION_KEYS}: no key opens the stored tokens", hint=LOST_HINT)
    return rows


def _trouble(vault: Vault, sealed: str, row: SealedRow, name: str) -> TokenDamaged | None:
    try:
        vault.open(sealed, connection_id=row.id, field=name)
    except TokenDamaged as error:
        return error
    return None
