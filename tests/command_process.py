"""Commands one after the other in one process of its own, and a look at the files before and after."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.connections.vault import new_key

ROOT = Path(__file__).parents[1]
SESSION = """
import json, os, sys, tempfile
from worker.cli import run_command
real = sys.stdout
for line in sys.stdin:
    request = json.loads(line)
    os.environ.update(request["env"])
    os.chdir(request["folder"])
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout, sys.stderr = out, err
        code = run_command(request["command"])
        sys.stdout, sys.stderr = real, sys.__stderr__
        out.seek(0), err.seek(0)
        print(json.dumps([int(code), out.read(), err.read()]), file=real, flush=True)
"""
Trace = tuple[int, int, int, int, int, str]


@dataclass(frozen=True)
class CommandResult:
    """What became of a command."""

    code: int
    out: str
    err: str


class CommandProcess:
    """A process that runs what it is told, and stays: to start one for each command takes a second."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Take it as it was started."""
        self._process = process

    def run(self, database_url: str, command: str, folder: Path = ROOT) -> CommandResult:
        """Run one command to its end, typed in a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"command": command.split(), "env": {"DATABASE_URL": database_url}, "folder": str(folder)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return CommandResult(*json.loads(self._process.stdout.readline()))


@contextmanager
def command_process(**env: str) -> Iterator[CommandProcess]:
    """Give a process for commands; it has all secrets, and, where *env* has none, no way to Envoy."""
    settings: Mapping[str, str] = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "WORKER_SETTINGS": str(ROOT / "settings.toml"),
        "ENVOY_CLIENT_ID": "client",
        "ENVOY_CLIENT_SECRET": "secret-of-the-tests",
        "WORKER_ENCRYPTION_KEYS": new_key(),
        "WORKER_ENVOY__API_URL": "http://127.0.0.1:9",
        **env,
    }
    with subprocess.Popen(
        [sys.executable, "-c", SESSION],
        env=settings,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield CommandProcess(process)
        assert process.stdin is not None
        process.stdin.close()


def traces(folder: Path) -> dict[str, Trace]:
    """Return of each file in a folder what a command could change; nothing is opened but plain files."""
    return {file.name: _trace(file) for file in sorted(folder.iterdir())}


def _trace(file: Path) -> Trace:
    found = file.lstat()
    content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() and found.st_size < 1e6 else ""
    return found.st_ino, found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns, content
