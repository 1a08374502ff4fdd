"""Statements that the tests' engines compile once for all: each test has an engine of its own.

To compile what a run executes costs more than to execute it.  A process of ours has one engine, and compiles
each statement once, as here; nothing is shared by engines whose dialects would compile it otherwise.
"""

from collections.abc import Hashable
from functools import cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from worker.database.engine import CLOCK

_compiled: LRUCache[Hashable, Any] = LRUCache(5000)


class _Shared(dict[tuple[Hashable, ...], Any]):
    """What engines of one kind have compiled, by SQLAlchemy's keys, each of which begins with the dialect."""

    def __init__(self, kind: Hashable) -> None:
        """Take what all those engines have in common."""
        super().__init__()
        self._kind = kind

    def get(self, key: tuple[Hashable, ...], default: Any = None) -> Any:
        """Look a statement up."""
        return _compiled.get((self._kind, *key[1:]), default)

    def __setitem__(self, key: tuple[Hashable, ...], compiled: Any) -> None:
        """Keep a statement."""
        _compiled[self._kind, *key[1:]] = compiled


_shared = cache(_Shared)


def share(connection: sa.Connection) -> None:
    """Let a new connection use what others have compiled."""
    dialect: Any = connection.dialect
    if dialect.name == "postgresql" and _encoding(connection) != "UTF8":
        return  # its JSON is written otherwise
    kind = (
        type(dialect),
        dialect.server_version_info,
        dialect.paramstyle,
        getattr(dialect, "_backslash_escapes", None),
        _code(dialect._json_serializer),
        _code(dialect._json_deserializer),
        CLOCK in connection.get_execution_options(),
    )
    connection.execution_options(compiled_cache=_shared(kind))


def _encoding(connection: sa.Connection) -> str | None:
    raw: Any = connection.connection.dbapi_connection
    encoding: str | None = raw.info.parameter_status("server_encoding")
    return encoding


def _code(function: Any) -> Hashable:
    """Return what a function does, whichever object it is bound to."""
    function = function.func if isinstance(function, partial) else function
    code: Hashable = getattr(function, "__func__", function)
    return code
