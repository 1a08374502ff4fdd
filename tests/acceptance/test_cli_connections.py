"""connections and directory, through real processes."""

import json

from tests.acceptance.installation import Installation
from worker.sandbox import Sandbox


def test_a_pause_keeps_invites_back_until_it_is_resumed(connected: Installation, sandbox: Sandbox) -> None:
    """While it lasts nothing is sent and the exit code says to come back; afterwards all goes out."""
    connected.run(
        "invites", "add", "--connection", "acme", "--external-id", "v1", "--name", "Ann Canary",
        "--arrival", "2031-05-06T10:00", "--location", "berlin",
    )  # fmt: skip

    paused = connected.run("connections", "pause", "acme", "--until", "2031-01-01T00:00:00+01:00")
    shown = json.loads(connected.run("connections", "list", "--json").stdout)
    held = connected.run("run-once", "push_invites", expect=75)
    resumed = connected.run("connections", "resume", "acme")
    sent = connected.run("run-once", "push_invites")

    assert paused.stdout == "acme: paused until 2030-12-31T23:00:00Z\n"
    assert [(one["status"], one["hold_reason"], one["held_until"]) for one in shown] == [
        ("held", "paused", "2030-12-31T23:00:00Z")
    ]
    assert "nothing to do" in held.stdout
    assert resumed.stdout == "acme: is used again\n"
    assert "1 sent" in sent.stdout
    assert len(sandbox.invites()) == 1


def test_a_removed_connection_has_no_token_left(connected: Installation, sandbox: Sandbox) -> None:
    """It asks first, says that Envoy keeps the grant, and wipes what is stored; no command shows a token."""
    asked = connected.run("connections", "remove", "acme", expect=2)
    removed = connected.run("connections", "remove", "acme", "--yes")
    shown = connected.run("connections", "show", "acme", "--json")
    listed = connected.run("connections", "list")
    unknown = connected.run("connections", "remove", "acne", "--yes", expect=2)

    assert "say --yes" in asked.stderr
    assert "until the customer removes the application there" in removed.stderr
    assert json.loads(shown.stdout)["status"] == "removed"
    assert listed.stdout.split("\t")[:2] == ["acme", "removed"]
    assert "did you mean acme?" in unknown.stderr
    columns = "access_token_enc, refresh_token_enc"
    assert connected.rows(f"SELECT {columns} FROM connection") == [  # noqa: S608 -- constant
        {"access_token_enc": None, "refresh_token_enc": None}
    ]
    printed = shown.stdout + listed.stdout + removed.stdout + removed.stderr
    assert [secret for secret in sandbox.secrets_given() if secret in printed] == []


def test_defaults_are_checked_against_the_directory(small_connected: Installation) -> None:
    """A misspelt default would reject every invite, so it is refused, with the nearest name."""
    refused = small_connected.run("connections", "set", "acme", "--default-location", "Berln", expect=2)
    other_flow = small_connected.run(
        "connections", "set", "acme", "--default-location", "Berlin", "--default-flow", "200001", expect=2
    )
    done = small_connected.run(
        "connections", "set", "acme", "--default-location", "berlin", "--default-flow", "Interview"
    )
    cleared = small_connected.run("connections", "set", "acme", "--default-flow", "")

    assert "known and near: Berlin" in refused.stderr
    assert "the flow belongs to another location" in other_flow.stderr
    assert done.stdout == "acme: default_location is berlin\nacme: default_flow is Interview\n"
    assert cleared.stdout == "acme: default_flow is not set\n"


def test_the_directory_is_one_plain_line_an_entry(small_connected: Installation, sandbox: Sandbox) -> None:
    """In a pipe there is no table; --refresh reads what Envoy has new; one kind may be asked for."""
    sandbox.add_location("Lisbon", timezone="Europe/Lisbon")

    before = small_connected.run("directory", "locations")
    after = small_connected.run("directory", "locations", "--refresh")
    flows = json.loads(small_connected.run("directory", "flows", "--json").stdout)

    assert "acme\tlocation\t100002\tBerlin\tyes\tEurope/Berlin" in before.stdout.splitlines()
    assert "Lisbon" not in before.stdout
    assert "Lisbon" in after.stdout
    assert set(flows["acme"]) == {"refreshed_at", "flows"}


def test_a_directory_that_cannot_be_read_is_said_and_the_old_one_shown(
    connected: Installation, sandbox: Sandbox
) -> None:
    """A customer who removed the application is named; the exit code says what is needed."""
    sandbox.revoke("10000")

    shown = connected.run("directory", "locations", "--refresh", expect=77)

    assert "Berlin" in shown.stdout
    assert "envoy-worker connect acme" in shown.stderr
