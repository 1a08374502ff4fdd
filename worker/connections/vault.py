"""Tokens at rest: encrypted under a ring of keys, and bound to their row and column.

Fernet knows no associated data, so a value copied into another row would decrypt there.  The
plaintext is therefore an envelope that names its connection and field, checked on every read.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from worker.errors import SettingsError, TokenDamaged
from worker.settings.secrets import ENCRYPTION_KEYS

NEW_KEY_HINT = "make one with `envoy-worker keys new`"
KEY_HINT = f"put the key that sealed it back into {ENCRYPTION_KEYS}"
ROW_HINT = "the table connection was edited by hand: restore the row"
_SEALED = re.compile(r"([0-9a-f]{8}):")  # the key's id, and what it sealed


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

    def open(self, sealed: object, *, connection_id: int, field: str) -> str:
        """Return the token of a value that was sealed for this place.

        Raises:
            TokenDamaged: no key opens it, it belongs elsewhere, or it is none.  That is never "no token".
        """
        if not isinstance(sealed, str) or not _SEALED.match(sealed):  # a BLOB of SQLite's, or anything at all
            raise TokenDamaged(f"its {field} token is no sealed text", hint=ROW_HINT)
        envelope = self._decrypt(sealed)
        if envelope is None:
            hint = ROW_HINT if self.knows(sealed) else KEY_HINT
            raise TokenDamaged(f"no key opens its {field} token", hint=hint)
        if not isinstance(envelope, dict) or (envelope.get("c"), envelope.get("f")) != (connection_id, field):
            raise TokenDamaged(f"its {field} token belongs to another row", hint=ROW_HINT)
        token = envelope.get("t")
        if not isinstance(token, str) or not token:
            raise TokenDamaged(f"its {field} token is no text", hint=ROW_HINT)
        return token

    def knows(self, sealed: object) -> bool | None:
        """Return whether a value is under a key of the ring; None if it does not tell of any key."""
        found = _SEALED.match(sealed) if isinstance(sealed, str) else None
        return None if found is None else found[1] in {key.id for key in self._ring}

    def needs_rotation(self, sealed: str) -> bool:
        """Return whether a value is under another key than the newest."""
        return sealed.partition(":")[0] != self._ring[0].id

    def fingerprint(self, token: str) -> str:
        """Return a short keyed hash that tells tokens apart, and tells nothing else."""
        return _fingerprint(self._ring[0], token)

    def matches(self, token: str, fingerprint: str | None) -> bool:
        """Return whether *fingerprint* is this token's, made under any key of the ring."""
        return fingerprint is not None and any(_fingerprint(key, token) == fingerprint for key in self._ring)

    def _decrypt(self, sealed: str) -> Any:  # noqa: ANN401 -- whatever was sealed
        key_id, _, value = sealed.partition(":")
        for key in self._ring:
            if key.id != key_id:
                continue
            try:
                return json.loads(key.fernet.decrypt(value))
            except (InvalidToken, ValueError):  # ValueError: not even text that could be sealed
                continue
        return None


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
