"""How the driver reads times that Python has not, and texts of a database whose encoding is not UTF-8.

A module of its own, so that a worker on SQLite never loads the driver.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Dumper, Loader

from worker.database.postgresql.texts import NO_ENCODING, encoding, fitted, python_codec
from worker.database.types import FAR_AHEAD, LONG_AGO

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext, Buffer

_TEXTS = ("text", "varchar", "bpchar", "name", 0)  # 0 is what has no type


class Lenient(Loader):
    """Reads any bytes."""

    def load(self, data: "Buffer") -> str:
        """Return the text, whatever the bytes are: one row must not keep all others from being read."""
        return bytes(data).decode("utf-8", "replace")


class Bounded(Loader):
    """Reads any time."""

    def __init__(self, oid: int, context: "AdaptContext | None" = None) -> None:
        """Leave what can be read to the driver."""
        super().__init__(oid, context)
        loader = psycopg.adapters.get_loader(oid, self.format)
        assert loader is not None  # noqa: S101 -- the driver knows it
        self._driver_s = loader(oid, context)

    def load(self, data: "Buffer") -> datetime:
        """Return the moment; for `infinity`, or a year that Python has not, the end that is nearer."""
        try:
            moment: datetime = self._driver_s.load(data)
        except psycopg.DataError:
            text = bytes(data)
            return LONG_AGO if text.startswith(b"-") or text.endswith(b"BC") else FAR_AHEAD
        return moment


def adapt(raw: "psycopg.Connection[Any]") -> None:
    """Let a new connection read and write all that its database may hold."""
    raw.adapters.register_loader("timestamptz", Bounded)
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
