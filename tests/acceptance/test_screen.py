"""What Envoy and callers write, on a real terminal, in a real log, and where letters are missing."""

import errno
import json
import os
import pty
import subprocess
import sys
from http import HTTPStatus

from tests.installation import ROOT, Installation
from tests.strangers import acts
from worker.sandbox import Sandbox
from worker.sandbox.api import Answer, Call
from worker.sandbox.state import State

NAME = "[/nope] a[red]b [link=http://127.0.0.1/]c[/link] :smile: \x1b[2J\x9b1m\u202e\u2066\r\nFAIL\u2028FAIL"
SHOWN = (
    "[/nope] a[red]b [link=http://127.0.0.1/]c[/link] :smile: "
    "\\x1b[2J\\x9b1m\\u202e\\u2066\\r\\nFAIL\\u2028FAIL"
)
KEY = "漢-$(touch x)\x1b[31m\u202e\nFAIL"


def on_terminal(installation: Installation, *arguments: str, **env: str) -> str:
    """Run a command on a pseudo-terminal of its own to its good end; return all that it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", *arguments],
        env={**installation.env, "TERM": "xterm-256color", "COLUMNS": "400", **env},
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError as error:  # how Linux says that the other end is closed
        if error.errno != errno.EIO:
            raise
        return b""


def require_harmless(text: str) -> None:
    """Fail where a sign acts, or a line begins with what a stranger wrote."""
    assert not {sign for sign in text if sign != "\n" and acts(sign)}
    assert not [line for line in text.splitlines() if line.strip().startswith("FAIL")]


def test_nothing_that_strangers_write_acts(small_connected: Installation, sandbox: Sandbox) -> None:
    """Names from Envoy, its reasons, a caller's ids and notes are shown as they were written."""

    def refuse(_state: State, _call: Call) -> Answer:
        return Answer({"message": NAME, "errors": [{"code": NAME}]}, HTTPStatus.UNPROCESSABLE_ENTITY)

    sandbox.add_location(NAME)
    sandbox.answer(("POST", "/v1/invites"), refuse)
    small_connected.add(1)
    small_connected.execute("UPDATE invite SET external_id = :key", key=KEY)

    directory = on_terminal(small_connected, "directory", "--refresh", FORCE_COLOR="1")
    pushed = small_connected.run("run-once", "push_invites", expect=3)
    listed = on_terminal(small_connected, "invites", "list", PYTHONIOENCODING="ascii")

    for shown in (directory, pushed.stdout, pushed.stderr, listed):
        require_harmless(shown)
    assert SHOWN in directory
    assert "acme/\\u6f22-$(touch x)\\x1b[31m\\u202e\\nFAIL" in listed
    (rejected,) = [json.loads(line) for line in pushed.stderr.splitlines() if "invite.rejected" in line]
    assert not {sign for value in rejected.values() for sign in str(value) if acts(sign)}
    assert rejected["hint"].endswith("invites retry $'acme/漢-$(touch x)\\x1b[31m\\u202e\\x0aFAIL'")


def test_a_closed_output_fails_nothing(small_installation: Installation) -> None:
    """What nobody can read is not printed."""
    line = f"exec {sys.executable} -m worker invites list >&- 2>&-"
    ended = subprocess.run(["sh", "-c", line], check=False, env=small_installation.env, cwd=ROOT)

    assert ended.returncode == 0
