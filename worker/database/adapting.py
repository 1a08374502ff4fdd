"""How the driver reads and writes the texts of a PostgreSQL database whose encoding is not UTF-8.

A module of its own, so that a worker on SQLite never loads the driver.
"""

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Dumper, Loader

from worker.database.texts import NO_ENCODING, encoding, fitted, python_codec

if TYPE_CHECKING:
    from psycopg.abc import Buffer

_TEXTS = ("text", "varchar", "bpchar", "name", 0)  # 0 is what has no type


class Lenient(Loader):
    """Reads any bytes."""

    def load(self, data: "Buffer") -> str:
        """Return the text, whatever the bytes are: one row must not keep all others from being read."""
        return bytes(data).decode("utf-8", "replace")


def adapt(raw: "psycopg.Connection[Any]") -> None:
    """Let a new connection read and write all that its database may hold."""
    name = encoding(raw)
    if name == NO_ENCODING:
        for kind in _TEXTS:
            raw.adapters.register_loader(kind, Lenient)
    elif into := python_codec(name):
        raw.adapters.register_dumper(str, _dumper(into))


def _dumper(into: str) -> type[Dumper]:
    class Fitted(Dumper):
        def dump(self, obj: str) -> bytes:
            if "\0" in obj:
                raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
            return fitted(obj, into).encode()

    return Fitted
