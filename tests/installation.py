"""A worker as an operator has it: commands as real processes, on one database and one sandbox."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import sqlalchemy as sa

from tests.waiting import wait_until
from tests.workers import ForkedCommands, Piped, Worker
from worker.connections.vault import new_key
from worker.database import Database
from worker.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60
# The last: a checkout may belong to another user than the tests'.
FROM_OUTSIDE = ("PATH", "HOME", "WORKER_TRUST_FOLDER")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Installation:
    """One installation; every command is a process of its own."""

    def __init__(self, database_url: str, sandbox: Sandbox, **settings: str) -> None:
        """Set the environment; nothing is started yet."""
        self.sandbox = sandbox
        self.database = Database(database_url)
        self.env = {
            **{name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ},
            "DATABASE_URL": database_url,
            "ENVOY_CLIENT_ID": "sandbox-client",
            "ENVOY_CLIENT_SECRET": "sandbox-secret",
            "WORKER_ENCRYPTION_KEYS": new_key(),
            "WORKER_ENVOY__API_URL": sandbox.api_url,
            "WORKER_ENVOY__AUTHORIZE_URL": sandbox.authorize_url,
            "WORKER_ENVOY__TOKEN_URL": sandbox.token_url,
            "WORKER_ENVOY__REDIRECT_URI": f"http://127.0.0.1:{free_port()}/oauth/callback",
            "WORKER_PUSH__RATE_PER_SECOND": "0",
            "WORKER_LOG__FORMAT": "json",
            **settings,
        }

    def start(self, *arguments: str, **env: str) -> Piped:
        """Start a command and leave it running, in a process that need not import anything."""
        return _forked_commands().start_piped(arguments, {**self.env, **env})

    def start_anew(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start a command as an operator does, in an interpreter of its own, and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "worker", *arguments],
            env={**self.env, **env},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, expect: int = 0, stdin: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and check its exit code."""
        done = self.finished(*arguments, stdin=stdin, **env)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def finished(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, however it ends, in a process that need not import anything."""
        return finished(arguments, {**self.env, **env}, stdin=stdin)

    def connect(self, name: str = "acme") -> str:
        """Connect as a customer would: open the printed URL and agree; return what was said."""
        worker = _forked_commands().start(("connect", name), self.env, apart=True)
        agree(worker)
        code = worker.wait(PATIENCE_SECONDS)
        out, err = worker.printed()
        assert code == 0, err
        return out + err

    def stop(self, process: Piped | subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
        """Send a signal, wait for the end, and return what was printed."""
        process.send_signal(number)
        return process.communicate(timeout=PATIENCE_SECONDS)

    def rows(self, query: str) -> list[Mapping[str, Any]]:
        """Return what a query finds."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]

    def execute(self, statement: str, **values: object) -> None:
        """Run one statement, as a caller's own program would."""
        with self.database.write() as connection:
            connection.execute(sa.text(statement), values)

    def add(self, number: int) -> None:
        """Insert so many invites, as a caller's own program would."""
        with self.database.write() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO invite"
                    " (connection, external_id, invitee_name, location, expected_arrival_at)"
                    " VALUES ('acme', :key, :name, 'Berlin', :arrival)"
                ),
                [
                    {"key": f"v-{n}", "name": f"Visitor {n}", "arrival": "2035-05-01T10:00:00Z"}
                    for n in range(number)
                ],
            )

    def statuses(self) -> dict[str, int]:
        """Return how many deliveries there are of each status."""
        query = "SELECT status, count(*) AS number FROM delivery GROUP BY status"
        return {row["status"]: row["number"] for row in self.rows(query)}


def finished(
    arguments: Sequence[str], env: Mapping[str, str], *, stdin: str = "", folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a folder, in a process that need not import anything."""
    worker = _forked_commands().start(arguments, env, typed=stdin, apart=True, folder=folder)
    code = worker.wait(PATIENCE_SECONDS)
    out, err = worker.printed()
    assert "Traceback" not in err
    return subprocess.CompletedProcess(arguments, code, out, err)


def events(text: str) -> list[dict[str, Any]]:
    """Return the events of a log, each line of which must be a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


def agree(connecting: Worker) -> None:
    """Open the URL that ``connect`` prints, and agree."""
    wait_until(lambda: "\n" in connecting.printed()[0] or connecting.ended())
    url = connecting.printed()[0].partition("\n")[0]
    with urlopen(url + "&auto=allow", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 -- loopback
        assert answer.status == 200


@cache
def _forked_commands() -> ForkedCommands:
    """Give the process that commands are forked from; one for all tests, which ends with them."""
    folder = tempfile.TemporaryDirectory(prefix="commands-")
    forked_commands = ForkedCommands(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(forked_commands.close)
    return forked_commands
