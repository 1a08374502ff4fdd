"""What the demo works with: its own folder, settings, key, database and sandbox."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.connections.vault import new_key
from worker.context import Context
from worker.demo.visits import write_visits
from worker.errors import UsageError
from worker.sandbox import Faults, Sandbox
from worker.settings import Secrets, load_toml
from worker.settings import secrets as names
from worker.settings.loading import DEFAULT_FILE, FILE_VARIABLE, build

CLIENT_ID, CLIENT_SECRET = "demo-client", "demo-secret-on-loopback"
DATABASE, VISITS_FILE, EVENTS = "worker.db", "visits.csv", "events.jsonl"
SIDE_FILES = tuple(f"{DATABASE}-{end}" for end in ("wal", "shm", "journal"))

# Of these draws only the ninth is below the share: one create meets a 429, no matter who sends it.
ONE_429 = Faults(latency_seconds=0.02, error_429_share=0.02, retry_after="1", seed=16)
PUSH = {"rate_per_second": 20.0, "hold_seconds": [1.0, 1.0]}


class Workshop:
    """The demo's folder; all its files are made again, and nothing else in it is touched."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and the sample file.

        Raises:
            UsageError: the system does not let us.
        """
        self.database = folder / DATABASE
        self.visits = folder / VISITS_FILE
        self.events = folder / EVENTS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (DATABASE, *SIDE_FILES, VISITS_FILE, EVENTS):
                (folder / name).unlink(missing_ok=True)
            write_visits(self.visits, datetime.now().astimezone().date())
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}", hint="choose another with --keep DIR") from None

    @property
    def database_url(self) -> str:
        """The demo's database, for DATABASE_URL."""
        return f"sqlite:///{self.database}"

    def sandbox(self) -> Sandbox:
        """Return a sandbox that knows the demo's application, and is in a bad mood once."""
        return Sandbox(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, faults=ONE_429)

    def context(self, sandbox: Sandbox) -> Context:
        """Return the worker's context for the demo: the jobs are those registered, all else is its own.

        Raises:
            SettingsError: the settings file is missing or wrong.
        """
        file = load_toml(Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE)))
        env = {
            names.CLIENT_ID: CLIENT_ID,
            names.CLIENT_SECRET: CLIENT_SECRET,
            names.ENCRYPTION_KEYS: new_key(),
        }
        return Context(build(self._tables(file, sandbox), {}), Secrets(env), env, access="create")

    def _tables(self, file: Mapping[str, Any], sandbox: Sandbox) -> dict[str, Any]:
        return {
            "database": {"url": self.database_url},
            "envoy": {
                "api_url": sandbox.api_url,
                "authorize_url": sandbox.authorize_url,
                "token_url": sandbox.token_url,
                "redirect_uri": f"http://127.0.0.1:{_free_port()}/oauth/callback",
            },
            "push": PUSH,
            "jobs": file.get("jobs", {}),
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
