"""A command may be typed in any folder: what others left there is not used, what they can read is told."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.markdown import ROOT
from tests.installation import PATIENCE_SECONDS, Installation, finished

MALLORY = 54_321  # nobody's number
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a working directory with settings of our own."""
    (folder := tmp_path / "folder").mkdir()
    shutil.copy(ROOT / "settings.toml", folder)
    return folder


def typed(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Type a command there."""
    return finished(arguments, {"PATH": os.environ["PATH"], **env}, folder=folder)


class Listener:
    """Mallory's address, which keeps what it is sent."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self.heard += connection.recv(65_536)

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Give an address that is not Envoy's."""
    opened = Listener()
    yield opened
    opened.close()


@needs_root
def test_a_foreign_dot_env_is_sent_nothing(
    small_connected: Installation, folder: Path, listener: Listener
) -> None:
    """It names addresses of its own; no token and no client secret goes there."""
    names = ("API_URL", "TOKEN_URL", "AUTHORIZE_URL")
    lines = [f"WORKER_ENVOY__{name}={listener.url}\n" for name in names]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    os.chown(folder / ".env", MALLORY, MALLORY)
    ours = {name: value for name, value in small_connected.env.items() if not name.endswith("_URL")}
    ours["DATABASE_URL"] = small_connected.env["DATABASE_URL"]

    checked, run = typed(folder, "check", **ours), typed(folder, "run-once", **ours)

    assert listener.heard == b""
    assert (checked.returncode, run.returncode) == (78, 78)
    for said in (checked.stdout, run.stderr):
        assert f"owner uid {MALLORY}, we are root" in said


@needs_root
@pytest.mark.parametrize("foreign", ["settings.toml", "evil.py"])
def test_foreign_settings_and_jobs_run_no_code(folder: Path, foreign: str) -> None:
    """Neither settings that name a job nor a job that settings of ours name."""
    with (folder / "settings.toml").open("a", encoding="utf-8") as file:
        file.write('[jobs.evil]\nrun = "evil:run"\nevery = 5\n')
    (folder / "evil.py").write_text("open('it ran', 'w')\ndef run(context): ...\n", encoding="utf-8")
    os.chown(folder / foreign, MALLORY, MALLORY)

    # In an interpreter of its own: one that had imported all before would not look for jobs in this folder.
    done = subprocess.run(
        [sys.executable, "-m", "worker", "check"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert not (folder / "it ran").exists()
    assert done.returncode == 78
    assert f"{foreign}: it belongs to another user (owner uid {MALLORY}, we are root)" in done.stdout


def test_no_command_waits_for_a_pipe(folder: Path) -> None:
    """A pipe in the place of a file has no writer; the command says so at once."""
    os.mkfifo(folder / ".env")

    done = typed(folder, "status")

    assert done.returncode == 78
    assert ".env: cannot be read: it is a pipe, not a file" in done.stderr


@pytest.mark.parametrize("file", ["<(cat visits.csv)", "/dev/stdin"])
def test_an_import_of_a_pipe_says_how_to_pipe(folder: Path, file: str) -> None:
    """It neither waits nor guesses what to call the lines: `-` is stdin."""
    (folder / "visits.csv").write_text("external_id\n", encoding="utf-8")

    done = subprocess.run(
        ["bash", "-c", f"cat visits.csv | {sys.executable} -m worker invites import {file}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 2
    assert "is a pipe, not a file" in done.stderr
    assert "envoy-worker invites import -" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_tells_what_others_can_read_and_a_group_can_write(folder: Path) -> None:
    """Secrets, the database and copies of it; each with what to type, and the exit code is none of them."""
    secrets = ["ENVOY_CLIENT_ID=x", f"ENVOY_CLIENT_SECRET_FILE={folder}/secret", "WORKER_ENCRYPTION_KEYS="]
    (folder / ".env").write_text("\n".join(secrets), encoding="utf-8")
    (folder / "secret").write_text("hunter2", encoding="utf-8")
    settings = folder / "settings.toml"
    url = "postgresql://worker:hunter2@127.0.0.1:1/worker"
    written = settings.read_text(encoding="utf-8").replace('url = "sqlite:///worker.db"', f'url = "{url}"')
    settings.write_text(written, encoding="utf-8")
    (folder / "worker.dump").write_bytes(b"PGDMP...")
    (folder / "worker-2030.db").write_bytes(b"SQLite format 3\0...")
    (folder / "worker.db.gz").write_bytes(b"...")
    (folder / "visits.csv").write_text("external_id", encoding="utf-8")
    readable = [".env", "secret", "settings.toml", "worker.dump", "worker-2030.db", "worker.db.gz"]
    for name in readable:
        (folder / name).chmod(0o644)
    settings.chmod(0o664)

    warnings = [line for line in typed(folder, "check").stdout.splitlines() if line.startswith("warn")]

    for name in readable:
        assert any(name in line and "everybody may read it" in line for line in warnings), name
    assert any("a group may write" in line and str(settings) in line for line in warnings)
    assert len(warnings) == len(readable) + 1
    assert "hunter2" not in "".join(warnings)


def test_check_goes_on_after_a_key_file_that_may_not_be_used(folder: Path) -> None:
    """What else it found is told, too, as JSON as well; nothing is asked without all secrets being known."""
    (folder / "secret").write_text("hunter2", encoding="utf-8")
    (folder / "secret").chmod(0o666)

    done = typed(folder, "check", "--json", ENVOY_CLIENT_ID="x", ENVOY_CLIENT_SECRET_FILE="secret")

    found = json.loads(done.stdout)
    assert done.returncode == 78
    failures = [one["text"].split()[0] for one in found if one["level"] == "fail"]
    assert failures == ["ENVOY_CLIENT_SECRET_FILE:", "WORKER_ENCRYPTION_KEYS"]
    assert any(one["text"].startswith("jobs: ") for one in found)
    assert "hunter2" not in done.stdout + done.stderr


def test_check_has_nothing_to_say_of_private_files(folder: Path) -> None:
    """What nobody else can read or write is as it should be; who trusts everybody is reminded of it."""
    (folder / ".env").write_text("ENVOY_CLIENT_ID=x\n", encoding="utf-8")
    (folder / "backup.db").write_bytes(b"SQLite format 3\0...")
    for name in (".env", "backup.db"):
        (folder / name).chmod(0o600)
    (folder / "settings.toml").chmod(0o644)

    database = "sqlite:///nothing.db"
    assert "warn" not in typed(folder, "check", DATABASE_URL=database).stdout
    reminded = typed(folder, "check", DATABASE_URL=database, WORKER_TRUST_FOLDER="1").stdout
    assert "warn WORKER_TRUST_FOLDER=1: files are used no matter who wrote them" in reminded
