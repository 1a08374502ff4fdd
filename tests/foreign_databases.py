"""Databases as other people set them up, and what an operator's commands say about them."""

import socketserver
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.postgresql import with_name
from worker.database import Database
from worker.database.schema import upgrade

VISIT = ("--external-id", "v-1", "--name", "Ann Example", "--arrival", "2027-03-01T09:00:00+01:00")
COMMANDS: dict[str, tuple[str, ...]] = {
    "upgrade": ("db", "upgrade"),
    "current": ("db", "current"),
    "status": ("status",),
    "check": ("check",),
    "run-once": ("run-once", "prune_history"),
    "list": ("invites", "list"),
    "show": ("invites", "show"),
    "import": ("invites", "import"),
    "set": ("connections", "set", "acme"),
    "add": ("invites", "add", "--connection", "acme", "--location", "Berlin", *VISIT),
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line about an error."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert "this is a bug" not in self.err
        assert 'File "' not in self.err
        return lines[0]


RunAsOperator = Callable[..., CommandResult]


class ForeignServer:
    """A PostgreSQL server; what was made on it is dropped at the end."""

    def __init__(self, url: str) -> None:
        """Make nothing yet."""
        self.url = url
        self._made = ExitStack()

    def role(self, *statements: LiteralString) -> str:
        """Make a role; ``{}`` in the statements is its name."""
        name = f"found_{uuid.uuid4().hex[:8]}"
        self._execute(self.url, name, "CREATE ROLE {} LOGIN", *statements)
        self._made.callback(self._execute, self.url, name, "DROP ROLE {}")
        return name

    def database(self, *statements: LiteralString, options: LiteralString = "", role: str = "") -> str:
        """Make an empty database, execute statements in it, and return its URL, for *role* if given."""
        name = f"found_{uuid.uuid4().hex[:8]}"
        self._execute(self.url, name, f"CREATE DATABASE {{}} TEMPLATE template0 {options}")
        self._made.callback(self._execute, self.url, name, "DROP DATABASE {} WITH (FORCE)")
        url = with_name(self.url, name)
        self._execute(url, role or name, *statements)
        return as_role(url, role) if role else url

    def _execute(self, url: str, name: str, *statements: LiteralString) -> None:
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def close(self) -> None:
        """Drop what was made, the last first."""
        self._made.close()


def as_role(url: str, role: str) -> str:
    """Return the URL of the same database for another role."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}@{address}").geturl().replace(":/?", ":///?")


@contextmanager
def turning_away(state: str, words: str) -> Iterator[int]:
    """Run a server that says no to everybody as PostgreSQL does; give its port."""
    fields = f"SFATAL\0VFATAL\0C{state}\0M{words}\0\0".encode()
    refusal = b"E" + struct.pack("!I", len(fields) + 4) + fields

    class Refusing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(refusal)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def execute(url: str, *statements: str) -> None:
    """Execute statements as the server's administrator."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def migrated(url: str) -> str:
    """Migrate a database as its owner."""
    database = Database(url)
    upgrade(database)
    database.dispose()
    return url
