"""A connection whose stored tokens cannot be read is held, and no other.

A consent ends that, and so does whatever makes them readable again: each process looks when it starts.
"""

from datetime import datetime

from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change, locked
from worker.connections.sealed import SealedRow, require_key, sealed_row
from worker.connections.states import ENDED_BY_CONSENT, HoldReason
from worker.connections.usable.moves import announce_release, move
from worker.connections.usable.rules import Values, but_for_a_pause, over_a_pause
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import TokenDamaged, TryLater, WorkerError


def look_through(database: Database, vault: Vault) -> None:
    """Hold every connection whose tokens cannot be read, and release those whose can be again.

    Raises:
        KeysLost: that would be all of them, for the keys are not those that sealed them.
    """
    for row in require_key(database, vault):
        damage = row.damage(vault) if row.is_usable else None
        if damage is not None:
            _hold(database, row, damage)
        elif row.hold_reason == HoldReason.DAMAGED_TOKEN:
            _release(database, row)


def held_for(database: Database, vault: Vault, connection_id: int) -> WorkerError:
    """Hold a connection whose tokens turned out to be damaged; return the error to raise.

    Raises:
        KeysLost: it is not the row that is damaged.
    """
    require_key(database, vault)
    with database.read() as connection:
        row = sealed_row(connection, connection_id)
    damage = None if row is None else row.damage(vault)
    if row is None or damage is None:
        return TryLater("its tokens were replaced a moment ago")
    _hold(database, row, damage)
    return damage


def _hold(database: Database, seen: SealedRow, damage: TokenDamaged) -> None:
    def decide(row: Connection, _now: datetime) -> Values:
        same = row.token_version == seen.token_version and row.refresh_token_enc == seen.refresh_token_enc
        if not same or row.hold_reason in ENDED_BY_CONSENT:
            return {}
        return over_a_pause(HoldReason.DAMAGED_TOKEN)

    # Also in place of a hold that would end by itself: then it would be found out only then.
    move(database, seen.id, decide, while_held=decide, cause=damage)


@repeated
def _release(database: Database, seen: SealedRow) -> None:
    with database.write() as connection:
        row = locked(connection, seen.id)
        if row is None or row.hold_reason != HoldReason.DAMAGED_TOKEN:
            return
        values = but_for_a_pause(row)
        change(connection, CONNECTIONS.c.id == row.id, **values, updated_at=database.now())
    if values["hold_reason"] is None:
        announce_release(seen.name)
