"""Tokens at rest: encrypted under a ring of keys, and bound to their row and column.

Fernet knows no associated data, so a value copied into another row would decrypt there.  The
plaintext is therefore an envelope that names its connection and field, checked on every read.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from worker.errors import SettingsError
from worker.settings.secrets import ENCRYPTION_KEYS

KEY_HINT = f"put the key that sealed it back into {ENCRYPTION_KEYS}, after the newer ones; nothing was changed"


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
            raise SettingsError(f"{ENCRYPTION_KEYS} holds no key", hint="make one with `envoy-worker keys new`")
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
            except InvalidToken:
                continue
            return envelope
        return None


def _key(text: str, position: int) -> _Key:
    raw = text.encode()
    try:
        fernet = Fernet(raw)
    except ValueError:
        raise SettingsError(
            f"{ENCRYPTION_KEYS}: key {position} is malformed",
            hint="a key is 44 characters as `envoy-worker keys new` prints them; several are comma separated",
        ) from None
    return _Key(
        id=hashlib.sha256(b"key id:" + raw).hexdigest()[:8],
        fernet=fernet,
        mac=hashlib.sha256(b"fingerprints:" + raw).digest(),
    )


def _fingerprint(key: _Key, token: str) -> str:
    return hmac.new(key.mac, token.encode(), hashlib.sha256).hexdigest()[:8]
