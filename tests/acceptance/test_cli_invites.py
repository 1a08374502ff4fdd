"""The invites commands, through real processes."""

import json
from pathlib import Path

from tests.installation import Installation
from worker.sandbox import Faults, Sandbox

HEADER = "external_id,invitee_name,invitee_email,location,expected_arrival_at\n"


def line(key: str, *, email: str = "ann@example.com", location: str = "Berlin") -> str:
    """Return one visit as a line of CSV."""
    return f"{key},Ann Canary,{email},{location},2031-05-06T10:00Z\n"


def test_a_file_is_imported_and_imported_again(connected: Installation, tmp_path: Path) -> None:
    """Good lines go in, bad ones are told by file, line and column; a second time changes nothing."""
    file = tmp_path / "visits.csv"
    file.write_text(HEADER + line("v1") + line("v2", email="ann.example.com") + line("v3"), encoding="utf-8")
    arguments = ("invites", "import", str(file), "--connection", "acme")

    dry = connected.run(*arguments, "--dry-run", expect=3)
    nothing = connected.statuses()
    first = connected.run(*arguments, expect=3)
    again = connected.run(*arguments, expect=3)
    good = connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v1"))

    assert dry.stdout == "dry run, nothing was written: " + first.stdout
    assert nothing == {}
    assert first.stdout == "2 created, 0 changed, 0 unchanged, 0 repeated, 1 rejected\n"
    assert first.stderr.startswith(f"{file}:3: invitee_email: must have one @")
    assert "ann.example.com" not in first.stderr
    assert again.stdout == "0 created, 0 changed, 2 unchanged, 0 repeated, 1 rejected\n"
    assert good.stdout == "0 created, 0 changed, 1 unchanged, 0 repeated, 0 rejected\n"


def test_a_file_that_is_none_is_one_line(small_connected: Installation, tmp_path: Path) -> None:
    """A directory, an empty file, a wrong header: each says what is wrong."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "wrong.csv").write_text("external_id,visitor_name,expected_arrival_at\n", encoding="utf-8")

    folder = small_connected.run("invites", "import", str(tmp_path), expect=2)
    empty = small_connected.run("invites", "import", str(tmp_path / "empty.csv"), expect=3)
    wrong = small_connected.run("invites", "import", str(tmp_path / "wrong.csv"), expect=3)

    assert "Is a directory" in folder.stderr
    assert [said.stderr.count("\n") for said in (folder, empty, wrong)] == [1, 1, 1]
    assert "visitor_name" in wrong.stderr


def test_a_visit_by_hand_is_checked_as_a_line_of_a_file(connected: Installation) -> None:
    """All that is wrong is said at once, by field; a good one is stored, and named by its id."""
    arguments = ("invites", "add", "--connection", "acme", "--external-id", "v1", "--name", "Ann Canary")

    bad = connected.run(*arguments, "--arrival", "2031-02-31", "--email", "ann", expect=3)
    good = connected.run(
        *arguments, "--arrival", "2031-05-06T10:00", "--location", "Berlin", "--custom-field", "Shoe=42"
    )
    shown = json.loads(connected.run("invites", "show", "acme/v1", "--json").stdout)

    assert "expected_arrival_at:" in bad.stderr
    assert "invitee_email:" in bad.stderr
    assert good.stdout == "acme/v1: stored as invite 1\n"
    assert shown["invite"]["expected_arrival_at"] == "2031-05-06T08:00:00Z"
    assert shown["invite"]["custom_fields"] == {"Shoe": "42"}


def test_a_rejected_visit_is_mended_and_retried(connected: Installation, sandbox: Sandbox) -> None:
    """The list says why, without the visitor's name; when Envoy has the location, a retry sends it."""
    connected.run(
        "invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v1", location="Rome")
    )

    pushed = connected.run("run-once", "push_invites", expect=3)
    listed = connected.run("invites", "list", "--status", "rejected")
    shown = connected.run("invites", "show", "acme/v1")
    sandbox.add_location("Rome")
    retried = connected.run("invites", "retry", "acme/v1")
    connected.run("directory", "--refresh")
    connected.run("run-once", "push_invites")
    refused = connected.run("invites", "retry", "acme/v1", expect=2)

    assert "1 rejected" in pushed.stdout
    assert listed.stdout == "acme/v1\trejected\t2031-05-06T10:00:00Z\t-\tlocation_unknown\n"
    assert "Canary" not in listed.stdout + pushed.stderr
    assert "Ann Canary" in shown.stdout
    assert retried.stdout == "acme/v1: pending\n"
    assert "acme/v1 is sent, neither rejected nor expired" in refused.stderr
    assert len(sandbox.invites()) == 1


def test_what_envoy_has_not_approved_is_seen(connected: Installation, sandbox: Sandbox) -> None:
    """It is sent, and that is all we can do: status counts it and the list finds it, by Envoy's word."""
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v1"))
    connected.run("run-once", "push_invites")
    fine = connected.run("status").stdout
    sandbox.set_faults(Faults(approval_status="DENIED"))
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v2"))
    pushed = connected.run("run-once", "push_invites")
    told = connected.run("status").stdout
    data = json.loads(connected.run("status", "--json").stdout)
    listed = json.loads(connected.run("invites", "list", "--approval", "denied", "--json").stdout)
    shown = connected.run("invites", "show", "acme/v2").stdout

    assert "approvals" not in fine
    assert '"approval_status": "DENIED"' in pushed.stderr
    assert "approvals    1 DENIED -- a person in Envoy decides" in told
    assert "APPROVED" not in told
    assert (data["approvals"], data["invites"]["sent"]) == ({"APPROVED": 1, "DENIED": 1}, 2)
    assert [(one["invite"], one["approval_status"]) for one in listed] == [("acme/v2", "DENIED")]
    assert "approval_status:        DENIED\n" in shown


def test_a_withdrawn_visit_leaves_envoy(connected: Installation, sandbox: Sandbox) -> None:
    """The next push removes it; a visit that was never sent is simply not sent."""
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v1"))
    connected.run("run-once", "push_invites")
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v2"))

    sent = connected.run("invites", "withdraw", "acme/v1")
    unsent = connected.run("invites", "withdraw", "acme/v2")
    connected.run("run-once", "push_invites")

    assert sent.stdout == "acme/v1: the next push removes it from Envoy\n"
    assert unsent.stdout == "acme/v2: is not sent\n"
    assert connected.statuses() == {"withdrawn": 2}
    assert sandbox.invites() == []


def test_a_person_settles_what_is_unknown(connected: Installation, sandbox: Sandbox) -> None:
    """Two answers were lost, one after the invite was made: told so, the worker sends only the other."""
    sandbox.set_faults(Faults(drop_after_share=1))
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v1"))
    connected.run("run-once", "push_invites", expect=3)
    sandbox.set_faults(Faults(error_500_share=1))
    connected.run("invites", "import", "-", "--connection", "acme", stdin=HEADER + line("v2", email=""))
    connected.run("run-once", "push_invites", expect=3)
    sandbox.set_faults(Faults())
    envoy_id = sandbox.invites()[0]["id"]
    status = connected.run("status")

    there = connected.run("invites", "resolve", "acme/v1", "--sent", envoy_id)
    absent = connected.run("invites", "resolve", "acme/v2", "--resend")
    pushed = connected.run("run-once", "push_invites")
    again = connected.run("invites", "resolve", "acme/v1", "--resend", expect=2)
    shown = connected.run("invites", "show", "acme/v2")

    assert "acme/v1" in status.stdout
    assert "envoy-worker invites resolve" in status.stdout
    assert (there.stdout, absent.stdout) == ("acme/v1: sent\n", "acme/v2: pending\n")
    assert '"event": "invite.reconciled"' in there.stderr
    assert "1 sent" in pushed.stdout
    assert "not unknown" in again.stderr
    assert [told in shown.stdout for told in ("create (revision 1): unknown", "person (", "): sent as")] == [
        True, True, True,
    ]  # fmt: skip
    assert len(sandbox.ledger()["creates"]) == 2
    assert sandbox.ledger()["duplicates"] == []


def test_an_import_and_a_visit_by_hand_leave_what_they_do_not_name(small_connected: Installation) -> None:
    """An empty cell, and an empty option, clear; the import counts it before and after."""
    visit = ("invites", "add", "--connection", "acme", "--external-id", "v1", "--name", "Ann Canary",
             "--arrival", "2031-05-06T10:00Z")  # fmt: skip
    small_connected.run(*visit, "--notes", "a", "--email", "ann@example.com", "--custom-field", "Shoe=42")
    empty = "external_id,invitee_name,expected_arrival_at,notes\nv1,Ann Canary,2031-05-06T10:00Z,\n"
    arguments = ("invites", "import", "-", "--connection", "acme")

    lacking = small_connected.run(*arguments, stdin=empty.replace(",notes", "").replace("Z,", "Z"))
    mirror = small_connected.run(*arguments, "--mirror", stdin=empty)
    small_connected.run(*visit, "--email", "")
    shown = json.loads(small_connected.run("invites", "show", "acme/v1", "--json").stdout)["invite"]
    small_connected.run(*visit, "--custom-field", "")
    emptied = json.loads(small_connected.run("invites", "show", "acme/v1", "--json").stdout)["invite"]

    assert lacking.stdout == "0 created, 0 changed, 1 unchanged, 0 repeated, 0 rejected\n"
    assert [line.split("; ")[-1] for line in mirror.stdout.splitlines()] == ["clears notes in 1 row"] * 2
    assert (shown["notes"], shown["invitee_email"], shown["custom_fields"]) == (None, None, {"Shoe": "42"})
    assert emptied["custom_fields"] is None
