"""A file as a mirror, a file of rejected lines, and a file to begin with, through real processes."""

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests import worker_rows
from tests.installation import PATIENCE_SECONDS, ROOT, Installation
from worker.sandbox import Sandbox

HEADER = "external_id,invitee_name,invitee_email,location,expected_arrival_at\n"
MIRROR = ("--mirror", "--connection", "acme")


def line(key: str, *, email: str = "ann@example.com") -> str:
    """Return one visit as a line of CSV."""
    return f"{key},Ann Canary,{email},Berlin,2031-05-06T10:00Z\n"


def test_what_a_nightly_file_lacks_is_removed_from_envoy(
    connected: Installation, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Where that is more than a fifth, somebody must say yes; until then nothing is written."""
    file = tmp_path / "visits.csv"
    file.write_text(HEADER + line("v1") + line("v2"), encoding="utf-8")
    connected.run("invites", "import", str(file), *MIRROR)
    connected.run("run-once", "push_invites")
    file.write_text(HEADER + line("v1") + line("v3"), encoding="utf-8")

    refused = connected.run("invites", "import", str(file), *MIRROR, expect=2)
    nothing = connected.statuses()
    dry = connected.run(
        "invites", "import", str(file), *MIRROR, "--dry-run", WORKER_INTAKE__MOST_WITHDRAWN="0.5"
    )
    done = connected.run("invites", "import", "-", *MIRROR, "--yes", stdin=file.read_text(encoding="utf-8"))
    pushed = connected.run("run-once", "push_invites")
    again = connected.run("invites", "import", str(file), *MIRROR)

    assert refused.stderr.count("\n") == 1
    assert "1 of 2 future invites of acme are not in the file" in refused.stderr
    assert "--yes" in refused.stderr
    assert nothing == {"sent": 2}
    planned, rehearsed = dry.stdout.splitlines()
    assert planned.endswith(
        "Z: 1 to create, 0 to change, 1 unchanged, 0 rejected; 1 of 2 future invites to withdraw"
    )
    counts = "1 created, 0 changed, 1 unchanged, 0 repeated, 0 rejected, 1 withdrawn"
    assert rehearsed == f"dry run, nothing was written: {counts}"
    assert done.stdout.splitlines()[1] == counts
    assert "1 withdrawn" in pushed.stdout
    assert again.stdout.splitlines()[1].startswith("0 created, 0 changed, 2 unchanged")
    assert len(sandbox.invites()) == 2


def test_a_bar_on_a_terminal_tells_checking_from_importing(
    small_connected: Installation, tmp_path: Path
) -> None:
    """It is on stderr alone: what goes to stdout arrives there whole, the line before the import too."""
    file = tmp_path / "visits.csv"
    file.write_text(HEADER + line("v1"), encoding="utf-8")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "invites", "import", str(file), *MIRROR],
        env={**small_connected.env, "TERM": "xterm"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)

    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    bar = os.read(ours, 65536).decode()
    os.close(ours)

    assert process.returncode == 0
    assert "checking: 2 lines" in bar
    assert "importing: 2 lines" in bar
    assert [told.split(",")[0][-9:] for told in out.splitlines()] == ["to create", "1 created"]


def test_a_disk_without_room_for_the_copy_is_told(small_connected: Installation) -> None:
    """A mirror reads its file twice, from a private copy; nothing was imported."""
    command = f'ulimit -f 8; exec "{sys.executable}" -m worker invites import - {" ".join(MIRROR)}'

    done = subprocess.run(
        ["bash", "-c", command],
        input=HEADER + "".join(line(f"v{n}") for n in range(400)),
        env=small_connected.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 74
    assert "a copy of stdin in" in done.stderr
    assert done.stderr.count("\n") == 1
    assert small_connected.statuses() == {}


def test_a_mirror_without_a_connection_is_a_mistake(small_connected: Installation) -> None:
    """Nobody knows whose invites the file has; and only a mirror needs a yes."""
    whose = small_connected.run("invites", "import", "-", "--mirror", expect=2)
    yes = small_connected.run("invites", "import", "-", "--yes", expect=2)

    assert "--connection acme" in whose.stderr
    assert (whose.stderr.count("\n"), yes.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(("into", "code", "stays"), [("&1 | true", 0, 1), ("/dev/full", 74, 2)])
def test_a_mirror_nobody_listens_to_has_the_right_exit_code(
    small_connected: Installation, into: str, code: int, stays: int
) -> None:
    """A reader that is gone has seen enough; where its line cannot be stored, nothing is begun."""
    small_connected.run("invites", "import", "-", *MIRROR, stdin=HEADER + line("v1") + line("v2"))
    command = f'("{sys.executable}" -m worker invites import - {" ".join(MIRROR)} --yes; echo $? >&2) >{into}'

    done = subprocess.run(
        ["bash", "-c", command],
        input=HEADER + line("v1"),
        env=small_connected.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.stderr.splitlines()[-1] == str(code)
    assert done.stderr.count("\n") == (2 if code else 1)
    assert small_connected.rows("SELECT count(*) AS n FROM invite WHERE wanted = 'present'") == [{"n": stays}]


@pytest.mark.parametrize("option", ["", "--mirror"])
def test_an_import_without_a_stdin_is_told(small_connected: Installation, option: str) -> None:
    """A timer may start a process without one."""
    command = f'exec "{sys.executable}" -m worker invites import - --connection acme {option} <&-'

    done = subprocess.run(
        ["bash", "-c", command],
        env=small_connected.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (done.returncode, done.stderr) == (
        2,
        "error: stdin: is closed -- give a file, or pipe one in\n",
    )


def test_lines_that_cannot_be_read_withdraw_nothing(small_connected: Installation) -> None:
    """The operator learns why, and the good lines are in."""
    small_connected.run("invites", "import", "-", *MIRROR, stdin=HEADER + line("v1") + line("v2"))

    told = small_connected.run(
        "invites", "import", "-", *MIRROR, "--yes", expect=3, stdin=HEADER + line("v3") + "v1,Ann\n"
    )

    assert "1 line has no external id that can be read" in told.stderr
    assert told.stdout.endswith("1 created, 0 changed, 0 unchanged, 0 repeated, 1 rejected, 0 withdrawn\n")
    assert small_connected.rows("SELECT count(*) AS n FROM invite WHERE wanted = 'absent'") == [{"n": 0}]


def test_rejected_lines_are_mended_and_imported(connected: Installation, tmp_path: Path) -> None:
    """They stand in a private file of their own, which is never written over."""
    bad = tmp_path / "bad.csv"
    arguments = ("invites", "import", "-", "--connection", "acme", "--rejects", str(bad))
    content = HEADER + line("v1") + line("v2", email="ann.example.com")

    first = connected.run(*arguments, expect=3, stdin=content)
    mode = stat.S_IMODE(bad.stat().st_mode)
    second = connected.run(*arguments, expect=2, stdin=content)
    repaired = bad.read_text(encoding="utf-8").replace("ann.example.com", "ann@example.com")
    bad.unlink()
    third = connected.run(*arguments, stdin=repaired)

    assert "1 rejected line" in first.stderr
    assert mode == 0o600
    assert "is there already" in second.stderr
    assert second.stderr.count("\n") == 1
    assert third.stdout.startswith("1 created")
    assert not bad.exists()
    assert connected.statuses() == {"pending": 2}


def test_the_template_is_imported_as_it_is(small_installation: Installation) -> None:
    """As CSV and as JSON Lines; neither needs settings to be printed."""
    small_installation.run("db", "upgrade")
    nowhere = "/nowhere/settings.toml"

    table = small_installation.run("invites", "template", WORKER_SETTINGS=nowhere).stdout
    lines = small_installation.run("invites", "template", "--json", WORKER_SETTINGS=nowhere).stdout
    first = small_installation.run("invites", "import", "-", stdin=table)
    second = small_installation.run("invites", "import", "-", stdin=lines)
    due = small_installation.run("run-once", "push_invites", "--dry-run")

    assert len(list(csv.DictReader(table.splitlines()))) == 2
    assert [json.loads(one)["external_id"] for one in lines.splitlines()] == ["example-1", "example-2"]
    assert first.stdout.startswith("2 created")
    assert second.stdout.startswith("0 created, 0 changed, 2 unchanged")
    assert "expired" not in due.stdout


def test_a_visit_by_hand_takes_the_connections_default_of_mailing(connected: Installation) -> None:
    """Unless the operator says which."""
    worker_rows.mail_by_default(connected, mails=True)
    visit = ("--connection", "acme", "--name", "Ann Canary", "--arrival", "2031-05-06T10:00Z")
    arguments = ("invites", "add", *visit, "--external-id")

    connected.run(*arguments, "v1")
    connected.run(*arguments, "v2", "--no-send-email")
    worker_rows.mail_by_default(connected, mails=False)
    connected.run(*arguments, "v3", "--send-email")

    rows = connected.rows("SELECT external_id, send_email FROM invite ORDER BY external_id")
    assert [bool(row["send_email"]) for row in rows] == [True, False, True]
