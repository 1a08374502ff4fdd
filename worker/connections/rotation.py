"""Put all stored tokens under the newest key."""

from dataclasses import dataclass, field

from worker.connections.model import CONNECTIONS
from worker.connections.rows import change
from worker.connections.sealed import SealedRow, require_key, sealed_row
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import TokenDamaged


@dataclass(slots=True)
class Rotation:
    """What became of it: how many connections changed, and which could not be read."""

    changed: int = 0
    damaged: list[TokenDamaged] = field(default_factory=list)  # one for each connection
    renewed_soon: list[str] = field(default_factory=list)  # only the access token of these is damaged


def rotate(database: Database, vault: Vault) -> Rotation:
    """Seal all tokens under the newest key, but for those that cannot be read.

    Each connection is a transaction of its own, so what was interrupted is simply run again.  A refresh that
    goes on at the same time stores its new tokens over these.

    Raises:
        KeysLost: none can be read, for the keys are not those that sealed them; nothing was changed.
    """
    rotation = Rotation()
    for seen in require_key(database, vault):
        row, changed = _rotate(database, vault, seen)
        rotation.changed += changed
        if (damage := row.damage(vault)) is not None:
            rotation.damaged.append(damage)
        elif row.troubles(vault):
            rotation.renewed_soon.append(row.name)
    return rotation


@repeated
def _rotate(database: Database, vault: Vault, seen: SealedRow) -> tuple[SealedRow, bool]:
    """Return the row as it was found, and whether it changed."""
    with database.write() as connection:
        row = sealed_row(connection, seen.id, lock=True)
        if row is None:
            return seen, False
        unreadable = row.troubles(vault)
        values = {
            f"{name}_token_enc": _sealed_anew(vault, sealed, row.id, name)
            for name, sealed in row.tokens.items()
            if name not in unreadable and vault.needs_rotation(sealed)
        }
        same = (CONNECTIONS.c.id == row.id) & (CONNECTIONS.c.token_version == row.token_version)
        return row, bool(values) and change(connection, same, **values)


def _sealed_anew(vault: Vault, sealed: str, row_id: int, name: str) -> str:
    return vault.seal(vault.open(sealed, connection_id=row_id, field=name), connection_id=row_id, field=name)
