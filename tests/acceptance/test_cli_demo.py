"""demo and sandbox, through real processes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.installation import PATIENCE_SECONDS, ROOT, finished

# Nothing of the operator's own: the demo must neither need nor touch it.
BARE = {"PATH": os.environ.get("PATH", ""), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}


def demo(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    return finished(("demo", "--keep", str(folder)), {**BARE, **env})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the demo's files."""
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def played(folder: Path) -> subprocess.CompletedProcess[str]:
    """Play the demo once for several tests."""
    return demo(folder)


def test_the_demo_sends_every_good_visit_once(played: subprocess.CompletedProcess[str], folder: Path) -> None:
    """25 visits, three broken on purpose and said to be: 22 in the ledger, none twice, twice over."""
    assert (played.returncode, played.stderr) == (0, "")
    for number in range(1, 9):
        assert re.search(rf"^{number}\. \w", played.stdout, re.MULTILINE)
    assert "Three of the visits are broken on purpose" in played.stdout
    assert "acme: connected (company 10000)" in played.stdout
    assert "23 created, 2 rejected (on purpose):" in played.stdout
    assert f"{folder}/visits.csv:8: invitee_email: " in played.stdout
    assert f"{folder}/visits.csv:18: expected_departure_at: " in played.stdout
    assert "22 sent in all, 1 rejected (on purpose):" in played.stdout
    assert (
        "acme/visit-1013: location_unknown: no such location in Envoy; known and near: Berlin"
        in played.stdout
    )
    assert played.stdout.count("22 invites in the sandbox's ledger, none twice") == 2
    assert "1 updated, 1 withdrawn" in played.stdout
    assert "1 update and 1 removal in the ledger; Envoy holds 21 invites now" in played.stdout
    assert "nothing to do" in played.stdout


def test_the_demo_says_before_which_lines_are_broken(
    played: subprocess.CompletedProcess[str], folder: Path
) -> None:
    """The lines that it announces are those that are then reported, and the misspelt one is at its place."""
    announced = re.findall(r"\(line\s+(\d+)\)", played.stdout)
    reported = re.findall(r"visits\.csv:(\d+):", played.stdout)
    lines = (folder / "visits.csv").read_text(encoding="utf-8").splitlines()

    assert announced[:2] == reported
    assert "Berln" in lines[int(announced[2]) - 1]


def test_the_demo_is_plain_in_a_pipe(played: subprocess.CompletedProcess[str]) -> None:
    """There is no escape code, and no visitor's name or address in what it tells."""
    assert "\x1b" not in played.stdout
    assert "@example.com" not in played.stdout
    assert "Okafor" not in played.stdout


def test_the_demo_throttles_once_and_goes_on(played: subprocess.CompletedProcess[str], folder: Path) -> None:
    """One 429 with Retry-After is part of the story; the events say the same."""
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    names = [json.loads(line)["event"] for line in lines]

    assert '"too many requests" (429)' in " ".join(played.stdout.split())
    assert names.count("connection.held") == 1
    assert names.count("invite.sent") == 22
    assert names.count("invite.rejected") == 1
    assert [line for line in lines if line in played.stdout.replace("\n   ", "\n")]


def test_what_the_demo_tells_to_type_works(played: subprocess.CompletedProcess[str]) -> None:
    """Each command of its last lines runs as it stands there, on the database that it left behind."""
    commands = re.findall(r"^ +(DATABASE_URL=\S+ .+)$", played.stdout, re.MULTILINE)

    said = [
        subprocess.run(  # noqa: S602 -- as the reader does
            command, shell=True, env=BARE, cwd=ROOT, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, check=True,
        ).stdout
        for command in commands
    ]  # fmt: skip

    assert len(said) == 3
    assert "acme/visit-1025\tsent" in said[0]
    assert "error_code:             location_unknown" in said[1]
    assert "21 sent  0 unknown  1 rejected" in said[2]


def test_the_demo_can_be_played_again(tmp_path: Path) -> None:
    """Its own files are made again; what else lies in the folder stays."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "worker.db").write_text("not a database", encoding="utf-8")

    assert demo(tmp_path).returncode == 0
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_the_demo_without_room_is_one_line(tmp_path: Path) -> None:
    """Where its folder cannot be made, or the jobs are not registered, it says so."""
    (tmp_path / "file").touch()

    blocked = demo(tmp_path / "file" / "folder")
    lost = demo(tmp_path / "new", WORKER_SETTINGS=str(tmp_path / "none.toml"))

    assert (blocked.returncode, lost.returncode) == (2, 78)
    assert blocked.stderr.count("\n") == lost.stderr.count("\n") == 1


def test_the_sandbox_says_how_to_use_it_until_it_is_ended() -> None:
    """Its URL is alone on stdout, the settings to paste are on stderr, and SIGTERM ends it in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "sandbox", "--port", "0", "--outage", "503"],
        env=BARE, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urlopen(f"{url}/sandbox/faults", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 -- loopback
        faults = json.load(answer)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, out) == (0, "")
    assert faults["outage"] == "503"
    for line in (
        f"WORKER_ENVOY__API_URL={url}",
        f"WORKER_ENVOY__AUTHORIZE_URL={url}/a/auth/v0/authorize",
        f"WORKER_ENVOY__TOKEN_URL={url}/a/auth/v0/token",
        "ENVOY_CLIENT_ID=sandbox-client",
        "ENVOY_CLIENT_SECRET=sandbox-secret",
    ):
        assert f"  {line}\n" in err


def test_help_loads_nothing_heavy() -> None:
    """--help must answer at once: no library that is slow to load is loaded for it."""
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "worker", "--help"],
        env=BARE, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()}
    heavy = {"sqlmodel", "sqlalchemy", "httpx", "pydantic", "structlog", "alembic", "rich", "apscheduler"}
    assert "typer" in loaded
    assert loaded & heavy == set()
