"""connections and directory, through real processes."""

import json
from datetime import UTC, datetime, timedelta

from tests import worker_rows
from tests.installation import Installation
from worker.clock import to_millisecond
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


def test_all_connections_are_resumed_together(small_connected: Installation) -> None:
    """Whatever holds them; but a pause is a person's will, and stays until its connection is named."""
    connected = small_connected
    worker_rows.hold(connected, "refuses_all", to_millisecond(datetime.now(UTC) + timedelta(minutes=10)))
    told = connected.run("status").stdout
    status = json.loads(connected.run("status", "--json").stdout)
    checked = connected.run("check").stdout
    resumed = connected.run("connections", "resume", "--all")
    connected.run("connections", "pause", "acme")
    kept = connected.run("connections", "resume", "--all")
    connected.run("connections", "resume", expect=2)
    connected.run("connections", "resume", "acme", "--all", expect=2)

    assert "(refuses_all) -- envoy-worker connections resume --all" in told
    assert [one["hold_reason"] for one in status["connections"]] == ["refuses_all"]
    assert "(refuses_all) -- `envoy-worker connections resume --all` ends it" in checked
    assert (resumed.stdout, kept.stdout) == ("acme: is used again\n", "no connection was held\n")


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


def test_custom_fields_and_the_mail_switch_have_defaults(connected: Installation, sandbox: Sandbox) -> None:
    """Set label by label, replaced however they are spelt, removed by a blank value, shown; and sent."""
    command = ("connections", "set", "acme")
    connected.run(*command, "--default-location", "Berlin", "--default-flow", "Interview")
    first = connected.run(
        *command, "--default-custom-field", "Purpose of visit={flow}", "--default-custom-field",
        "company = Example = Ltd", "--default-custom-field", "Host=Desk", "--default-send-email",
    )  # fmt: skip
    connected.run(*command, "--default-custom-field", "Company=Example GmbH", "--no-default-send-email")
    removed = connected.run(
        *command, "--default-custom-field", "Host=Door", "--default-custom-field", "host="
    )
    shown = json.loads(connected.run("connections", "show", "acme", "--json").stdout)
    read = connected.run("connections", "show", "acme").stdout
    connected.execute(
        "INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)"
        " VALUES ('acme', 'v1', 'Ann Canary', '2031-05-06T10:00:00Z')"
    )
    dry = connected.run("run-once", "push_invites", "--dry-run")
    connected.run("run-once", "push_invites")

    assert first.stdout.splitlines() == [
        "acme: default_send_email is true",
        "acme: default custom field Purpose of visit is {flow}",
        "acme: default custom field company is Example = Ltd",
        "acme: default custom field Host is Desk",
    ]
    assert removed.stdout == "acme: default custom field host is not set\n"
    fields = {"Purpose of visit": "{flow}", "Company": "Example GmbH"}
    assert (shown["default_custom_fields"], shown["default_send_email"]) == (fields, False)
    assert '"Company": "Example GmbH"' in read
    assert "create" in dry.stdout
    assert sandbox.invites()[0]["customFields"] == [
        {"field": "Company", "value": "Example GmbH"},
        {"field": "Purpose of visit", "value": "Interview"},
    ]


def test_default_custom_fields_have_the_bounds_of_all(small_connected: Installation) -> None:
    """One label too many, a value too long, no label: one line each, and nothing is changed."""
    command = ("connections", "set", "acme")
    fifty = [part for n in range(50) for part in ("--default-custom-field", f"label {n}=x")]
    small_connected.run(*command, *fifty)

    many = small_connected.run(*command, "--default-custom-field", "one more=x", expect=2)
    long = small_connected.run(*command, "--default-custom-field", f"label 1={'y' * 256}", expect=2)
    blank = small_connected.run(*command, "--default-custom-field", " =x", expect=2)
    shown = json.loads(small_connected.run("connections", "show", "acme", "--json").stdout)

    assert "there are 51, the most is 50" in many.stderr
    assert "has 256 characters, the most is 255" in long.stderr
    assert "label that is blank" in blank.stderr
    assert [said.stderr.count("\n") for said in (many, long, blank)] == [1, 1, 1]
    assert shown["default_custom_fields"] == {f"label {n}": "x" for n in range(50)}


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
