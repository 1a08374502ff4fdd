"""An SQLite file that took the place of another: nothing is sent from it before somebody says what it is."""

import json
from pathlib import Path

import pytest

from tests import worker_rows
from worker.cli import run_command
from worker.connections.vault import new_key
from worker.database import Database
from worker.database.sqlite.mark import is_marked, mark
from worker.invites import restored

SETTINGS = Path(__file__).parents[3] / "settings.toml"
VISIT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', 'v-1', 'Ann', 'Berlin', '2035-01-01T09:00:00Z')"
)
WRITING = (
    "run-once", "connect acme", "directory --refresh", "keys rotate",
    "connections pause acme", "connections resume acme", "connections remove acme",
    "connections set acme --default-location Berlin",
    "invites import visits.csv", "invites retry acme/v-1", "invites resolve acme/v-1 --resend",
    "invites withdraw acme/v-1", "db restored --end",
    "invites add --connection acme --external-id v-2 --name A --location B --arrival 2035-01-01T09:00:00Z",
)  # fmt: skip
READING = (
    "status", "invites list", "invites show acme/v-1", "connections list", "directory", "db current",
    "run-once --dry-run",
)  # fmt: skip


@pytest.fixture
def marked(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a database file with one visit that somebody put in the place of another."""
    database = Database(sqlite_url)
    with database.write() as connection:
        worker_rows.add_connection(worker_rows.In(connection))
        connection.exec_driver_sql(VISIT)
    database.dispose()
    path = tmp_path / "worker.db"
    mark(path)
    (tmp_path / "visits.csv").write_text("external_id\nv-9\n", encoding="utf-8")
    env = {
        "DATABASE_URL": sqlite_url, "ENVOY_CLIENT_ID": "id", "ENVOY_CLIENT_SECRET": "secret",
        "WORKER_ENCRYPTION_KEYS": new_key(), "WORKER_SETTINGS": str(SETTINGS),
    }  # fmt: skip
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize("command", WRITING)
def test_what_sends_or_writes_refuses_it(
    command: str, marked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 78 and one line, with what to type; nothing is written."""
    before = marked.read_bytes()

    assert run_command(command.split()) == 78

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {marked} took the place of another file")
    assert "envoy-worker db restored" in line
    assert marked.read_bytes() == before


@pytest.mark.parametrize("command", READING)
def test_what_reads_works_and_says_so(command: str, marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own output is as ever."""
    assert run_command(command.split()) == 0

    said = capsys.readouterr()
    assert f"{marked} took the place of another file" in said.err
    assert "took the place" not in said.out


def test_check_fails(marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the first thing to repair."""
    run_command(["check", "--json"])

    found = json.loads(capsys.readouterr().out)
    (failure,) = [one for one in found if "took the place" in one["text"]]
    assert (failure["level"], failure["exit_code"]) == ("fail", 78)
    assert "envoy-worker db restored" in failure["mend"]
    assert is_marked(marked)


def test_it_is_migrated_all_the_same(marked: Path) -> None:
    """The unit runs the migration first, and it sends nothing; the mark stays."""
    assert run_command(["db", "upgrade"]) == 0
    assert is_marked(marked)


def test_who_says_that_it_was_restored_may_go_on(marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mode is on, the mark is gone, and only then."""
    assert run_command(["db", "restored"]) == 0

    assert "1 create to be looked up" in capsys.readouterr().out
    assert not is_marked(marked)
    assert run_command(["invites", "withdraw", "acme/v-1"]) == 0
    database = Database(f"sqlite:///{marked}")
    assert restored.since(database) is not None
    database.dispose()
