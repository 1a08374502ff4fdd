"""Tokens at rest: encrypted under a ring of keys, and bound to their row and column.

Fernet knows no associated data, so a value copied into another row would decrypt there.  The
plaintext is therefore an envelope that names its connection and field, checked on every read.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from worker.connections.rows import CONNECTIONS, change, clock_of, lies_ahead
from worker.database import Database
from worker.database.repeating import repeated
from worker.errors import SettingsError
from worker.settings.secrets import ENCRYPTION_KEYS

FIELDS = ("access", "refresh")
LEASE_MAXIMUM = 3600.0
NEW_KEY_HINT = "make one with `envoy-worker keys new`"
KEY_HINT = f"put the key that sealed them back into {ENCRYPTION_KEYS}; nothing was changed"


def new_key() -> str:
    """Return a fresh key."""
    return Fernet.generate_key().decode()


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    fernet: Fernet = field(repr=False)
    mac: bytes = field(repr=False)


class Vault:
    """Seals with the newest key, opens with any of the ring."""

    def __init__(self, keys: str) -> None:
        """Take the keys as the setting has them: newest first, comma separated.

        Raises:
            SettingsError: there is none, or one is malformed; it is told by its position, never shown.
        """
        parts = [part.strip() for part in keys.split(",") if part.strip()]
        if not parts:
            raise SettingsError(f"{ENCRYPTION_KEYS} holds no key", hint=NEW_KEY_HINT)
        self._ring = [_key(part, position) for position, part in enumerate(parts, start=1)]

    def __repr__(self) -> str:
        """Name the keys by their short hashes."""
        return f"Vault({', '.join(key.id for key in self._ring)})"

    def seal(self, token: str, *, connection_id: int, field: str) -> str:
        """Return *token* encrypted for this one place; *field* is ``access`` or ``refresh``."""
        newest = self._ring[0]
        envelope = json.dumps({"c": connection_id, "f": field, "t": token})
        return f"{newest.id}:{newest.fernet.encrypt(envelope.encode()).decode()}"

    def open(self, sealed: str, *, connection_id: int, field: str) -> str:
        """Return the token of a value that was sealed for this place.

        Raises:
            SettingsError: no key fits, or the value belongs elsewhere.  That is never "no token".
        """
        envelope = self._decrypt(sealed)
        if envelope is None:
            raise SettingsError(f"{ENCRYPTION_KEYS}: no key opens the stored tokens", hint=KEY_HINT)
        if (envelope.get("c"), envelope.get("f")) != (connection_id, field):
            raise SettingsError(
                f"the stored {field} token of connection {connection_id} belongs to another row",
                hint="the table connection was edited by hand: restore it, or connect the customer again",
            )
        return str(envelope["t"])

    def needs_rotation(self, sealed: str) -> bool:
        """Say whether a value is under another key than the newest."""
        return sealed.partition(":")[0] != self._ring[0].id

    def fingerprint(self, token: str) -> str:
        """Return a short keyed hash that tells tokens apart, and tells nothing else."""
        return _fingerprint(self._ring[0], token)

    def matches(self, token: str, fingerprint: str | None) -> bool:
        """Say whether *fingerprint* is this token's, made under any key of the ring."""
        return fingerprint is not None and any(_fingerprint(key, token) == fingerprint for key in self._ring)

    def _decrypt(self, sealed: str) -> dict[str, object] | None:
        key_id, _, value = sealed.partition(":")
        for key in self._ring:
            if key.id != key_id:
                continue
            try:
                envelope: dict[str, object] = json.loads(key.fernet.decrypt(value))
            except (InvalidToken, ValueError):  # ValueError: not even text that could be sealed
                continue
            return envelope
        return None


def require_readable(database: Database, vault: Vault) -> None:
    """Do nothing where every stored token can be opened.

    Raises:
        SettingsError: a key is missing; going on would ask every customer to connect again.
    """
    with database.read() as connection:
        rows = connection.execute(sa.select(CONNECTIONS)).mappings().all()
    for row in rows:
        for name, sealed in _sealed(row):
            vault.open(sealed, connection_id=row["id"], field=name)


def rotate(database: Database, vault: Vault) -> int:
    """Seal all tokens under the newest key; return how many connections changed.

    Each connection is a transaction of its own, so what was interrupted is simply run again.  One
    that is being refreshed right now is left out: its new tokens come under the newest key anyway.
    """
    return sum(_rotate(database, vault, row_id) for row_id in _row_ids(database))


def _key(text: str, position: int) -> _Key:
    raw = text.encode()
    try:
        fernet = Fernet(raw)
    except ValueError:
        fernet = None
    if fernet is None:
        raise SettingsError(
            f"{ENCRYPTION_KEYS}: key {position} is malformed",
            hint="a key is 44 characters as `envoy-worker keys new` prints them; several are comma separated",
        )
    return _Key(
        id=hashlib.sha256(b"key id:" + raw).hexdigest()[:8],
        fernet=fernet,
        mac=hashlib.sha256(b"fingerprints:" + raw).digest(),
    )


def _fingerprint(key: _Key, token: str) -> str:
    return hmac.new(key.mac, token.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:8]


@repeated
def _rotate(database: Database, vault: Vault, row_id: int) -> bool:
    with database.write() as connection:
        query = sa.select(CONNECTIONS).where(CONNECTIONS.c.id == row_id).with_for_update()
        row = connection.execute(query).mappings().one_or_none()
        now = clock_of(connection, database)
        if row is None or lies_ahead(row["lease_until"], now, LEASE_MAXIMUM):
            return False
        values = {
            f"{name}_token_enc": _sealed_anew(vault, sealed, row_id, name)
            for name, sealed in _sealed(row)
            if vault.needs_rotation(sealed)
        }
        same = (CONNECTIONS.c.id == row_id) & (CONNECTIONS.c.token_version == row["token_version"])
        return bool(values) and change(connection, same, **values)


def _sealed_anew(vault: Vault, sealed: str, row_id: int, name: str) -> str:
    return vault.seal(vault.open(sealed, connection_id=row_id, field=name), connection_id=row_id, field=name)


def _sealed(row: sa.RowMapping) -> list[tuple[str, str]]:
    """Return the fields that hold a token, and their sealed values."""
    values = ((name, row[f"{name}_token_enc"]) for name in FIELDS)
    return [(name, sealed) for name, sealed in values if sealed]


def _row_ids(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(sa.select(CONNECTIONS.c.id).order_by(CONNECTIONS.c.id)).scalars())
