"""The README's way from nothing to two visits in the sandbox, typed as it stands there."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.acceptance.markdown import ROOT, blocks, section, text
from tests.installation import PATIENCE_SECONDS, free_port

WALK = section(text("README.md"), "Try it with your own data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a checkout as far as the walk needs it: settings, and a virtual environment with the command."""
    shutil.copy(ROOT / "settings.toml", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f"PATH={programs}:$PATH\n", encoding="utf-8")
    command = programs / "envoy-worker"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m worker "$@"\n', encoding="utf-8"
    )
    command.chmod(0o755)
    return tmp_path


@contextmanager
def typed(code: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Type a code block into a shell of its own; end what is left of it afterwards."""
    env = {"PATH": os.environ["PATH"]}
    # Two installations on one machine must not listen on the same port.
    env["WORKER_ENVOY__REDIRECT_URI"] = f"http://127.0.0.1:{free_port()}/oauth/callback"
    process = subprocess.Popen(
        ["bash", "-e", "-c", code],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what is printed, as it comes."""
    assert process.stdout is not None
    yield from iter(process.stdout.readline, "")


def test_the_walk_ends_with_both_visits_in_the_sandbox(folder: Path) -> None:
    """Sandbox, .env, key, database, consent, file, push: each step does what the page says."""
    start, connect, push = blocks(WALK, "sh")
    (folder / "visits.csv").write_text(blocks(WALK, "csv")[0], encoding="utf-8")

    with typed(start.rstrip() + " --port 0", folder) as sandbox:
        settings = five_lines(sandbox)
        (folder / ".env").write_text("".join(settings), encoding="utf-8")
        url = settings[0].partition("=")[2].strip()
        connected = consented(connect, folder)
        with typed("source .venv/bin/activate\n" + push, folder) as process:
            pushed = "".join(lines_of(process))
            assert process.wait(PATIENCE_SECONDS) == 0, pushed
        with urlopen(url, timeout=PATIENCE_SECONDS) as page:  # noqa: S310 -- loopback
            shown = page.read().decode()

    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert "Berlin" in connected
    assert "2 created" in pushed
    assert "2 sent" in pushed
    assert "Ann Example" in shown
    assert "Ben Example" in shown


def five_lines(sandbox: subprocess.Popen[str]) -> list[str]:
    """Return the settings that the sandbox prints."""
    found: list[str] = []
    for line in lines_of(sandbox):
        if re.match(r" *[A-Z_]+=", line):
            found.append(line.strip() + "\n")
        if len(found) == 5:
            break
    return found


def consented(connect: str, folder: Path) -> str:
    """Type the block that connects, press Allow at the URL that it prints, and return what it said."""
    said = ""
    with typed(connect, folder) as process:
        for line in lines_of(process):
            said += line
            if line.startswith("http"):
                with urlopen(line.strip() + "&auto=allow", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                    assert answer.status == 200
        assert process.wait(PATIENCE_SECONDS) == 0, said
    return said
