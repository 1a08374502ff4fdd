"""The ways in which a database goes away under a worker, and comes back."""

import sqlite3
from contextlib import suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event


class LockedFile:
    """Another writer keeps an SQLite file."""

    def __init__(self, url: sa.URL) -> None:
        """Open it."""
        path = str(url.database)
        self._other = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)

    def go(self) -> None:
        """Begin to write, at the first gap: SQLite's own wait sleeps while the worker sends everything."""
        while not self._other.in_transaction:
            with suppress(sqlite3.OperationalError):
                self._other.execute("BEGIN IMMEDIATE")

    def come_back(self) -> None:
        """Let others write."""
        if self._other.in_transaction:
            self._other.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._other.close()


class ClosedServer:
    """A PostgreSQL server ends the connections of a database, and takes no new ones for a while."""

    def __init__(self, url: sa.URL, server: str) -> None:
        """Connect to the server."""
        self._name = url.database
        self._server = psycopg.connect(server, autocommit=True)

    def go(self) -> None:
        """Take nobody in, and end what there is."""
        self._server.execute(f'ALTER DATABASE "{self._name}" WITH ALLOW_CONNECTIONS false')
        self.end_connections()

    def end_connections(self) -> None:
        """End every connection, as a restart does."""
        self._server.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", [self._name]
        )

    def come_back(self) -> None:
        """Take everybody in."""
        self._server.execute(f'ALTER DATABASE "{self._name}" WITH ALLOW_CONNECTIONS true')

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


class FullDisk:
    """The disk below an SQLite file has no room for one more page."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the worker's engine: the bound is one of each connection."""
        self._engine = engine

    def go(self) -> None:
        """Let nothing grow."""
        event.listen(self._engine, "connect", _bound)
        self._engine.dispose()

    def come_back(self) -> None:
        """Make room."""
        if event.contains(self._engine, "connect", _bound):
            event.remove(self._engine, "connect", _bound)
            self._engine.dispose()

    def close(self) -> None:
        """Do nothing more."""


def _bound(raw: Any, _record: Any) -> None:
    raw.execute("PRAGMA max_page_count = 1")  # that is: no more than there are
