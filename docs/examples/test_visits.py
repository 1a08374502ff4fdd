"""A test of your own: start the sandbox, hand a visit in, send it, and look into the sandbox's ledger."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from worker.sandbox import Sandbox

ROOT = Path(__file__).parents[2]  # the worker's folder, with settings.toml
Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a stand-in of Envoy on a free port of 127.0.0.1."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Give a database for the test: a new SQLite file, or what VISITS_DATABASE_URL names."""
    return os.environ.get("VISITS_DATABASE_URL", f"sqlite:///{tmp_path / 'worker.db'}")


@pytest.fixture
def envoy_worker(sandbox: Sandbox, database_url: str) -> Command:
    """Give a function that starts a command of the worker, with the sandbox in the place of Envoy."""
    env = {
        **os.environ,
        "DATABASE_URL": database_url,
        "ENVOY_CLIENT_ID": "sandbox-client",
        "ENVOY_CLIENT_SECRET": "sandbox-secret",
        "WORKER_ENCRYPTION_KEYS": Fernet.generate_key().decode(),  # what `envoy-worker keys new` prints
        "WORKER_ENVOY__API_URL": sandbox.api_url,
        "WORKER_ENVOY__AUTHORIZE_URL": sandbox.authorize_url,
        "WORKER_ENVOY__TOKEN_URL": sandbox.token_url,
    }

    def start(*words: str) -> "subprocess.Popen[str]":
        typed = [sys.executable, "-m", "worker", *words]
        return subprocess.Popen(typed, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)

    start("db", "upgrade").communicate(timeout=60)
    with start("connect", "acme") as connecting:
        assert connecting.stdout is not None
        consent = connecting.stdout.readline().strip() + "&auto=allow"  # the page's button, pressed
        urlopen(consent, timeout=60).close()
        connecting.communicate(timeout=60)
    return start


def test_a_visit_is_in_envoy_once(envoy_worker: Command, sandbox: Sandbox, database_url: str) -> None:
    """What our program writes is sent, once."""
    # Here call your own program instead.
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
                " VALUES ('acme', 'visit-1', 'Ann Example', 'Berlin', '2035-05-17T09:00:00+02:00')"
            )
        )
    engine.dispose()

    sending = envoy_worker("run-once", "push_invites")
    sending.communicate(timeout=60)
    assert sending.returncode == 0

    ledger = sandbox.ledger()
    assert [create["name"] for create in ledger["creates"]] == ["Ann Example"]
    assert ledger["duplicates"] == []
