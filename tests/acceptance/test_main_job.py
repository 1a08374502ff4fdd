"""The main job through real processes: connect, directory, import, run-once, run; on both databases."""

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.installation import Installation, events
from tests.waiting import wait_until
from worker.sandbox import Faults, Sandbox

IN_A_WEEK = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT10:00")
HEADER = "connection,external_id,invitee_name,invitee_email,location,flow,expected_arrival_at,notes\n"


def visits(number: int) -> str:
    """Return a CSV file of so many visits, each with its own name, e-mail and note."""
    lines = [
        f"acme,visit-{n},Quentin Canary{n},canary{n}@example.com,Berlin,Interview,{IN_A_WEEK},"
        f"note-canary-{n}\n"
        for n in range(number)
    ]
    return HEADER + "".join(lines)


def test_from_consent_to_an_invite_in_envoy(
    installation: Installation, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Each command does its part, and Envoy has every visit once."""
    file = tmp_path / "visits.csv"
    file.write_text(visits(8) + f"acme,bad,Name,no-at-sign,Berlin,,{IN_A_WEEK}Z,\n", encoding="utf-8")

    said = installation.connect()
    directory = installation.run("directory", "locations", "--json").stdout
    imported = installation.run("invites", "import", str(file), expect=3)
    pushed = installation.run("run-once", "--json")
    again = installation.run("run-once", "--json")

    assert "code_challenge_method=S256" in said
    assert "scope=locations.read+flows.read+invites.write+token.refresh" in said
    assert "Berlin" in directory
    assert ":10: invitee_email: " in imported.stderr
    assert json.loads(pushed.stdout)["jobs"]["push_invites"]["sent"] == 8
    assert json.loads(again.stdout)["jobs"]["push_invites"]["sent"] == 0
    assert len(sandbox.invites()) == 8
    assert sandbox.ledger()["duplicates"] == []
    assert installation.statuses() == {"sent": 8}


def test_the_service_pushes_what_comes_and_drains_on_sigterm(
    installation: Installation, sandbox: Sandbox
) -> None:
    """A row that is inserted while the service runs goes out; SIGTERM ends it in order with 0."""
    installation.connect()
    service = installation.start_anew("run", WORKER_JOBS__PUSH_INVITES__EVERY="0.2")
    installation.execute(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
        " VALUES ('acme', 'one', 'Ann Example', 'Berlin', :arrival)",
        arrival=f"{IN_A_WEEK}Z",
    )
    wait_until(lambda: installation.statuses() == {"sent": 1})

    out, _ = installation.stop(service)

    names = [event["event"] for event in events(out)]
    assert service.returncode == 0
    assert names[0] == "worker.started"
    assert "invite.sent" in names
    assert "worker.stopping" in names
    assert names[-1] == "worker.stopped"
    assert len(sandbox.invites()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished_before_the_end(
    installation: Installation, sandbox: Sandbox, number: signal.Signals
) -> None:
    """On a signal nothing new is begun, the requests in flight end, and their verdicts are stored."""
    installation.connect()
    sandbox.set_faults(Faults(latency_seconds=1.0))
    installation.add(40)
    service = installation.start("run")
    wait_until(lambda: installation.statuses().get("sending", 0) == 8)

    service.send_signal(number)
    installation.stop(service, number)

    assert service.returncode == 0
    statuses = installation.statuses()
    assert set(statuses) == {"sent", "pending"}
    assert statuses["sent"] == len(sandbox.invites()) < 40


def test_no_personal_data_and_no_secret_is_in_the_log(
    installation: Installation, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Names, e-mails, notes, tokens, keys and codes of a full run stand in no line that it prints."""
    file = tmp_path / "visits.csv"
    file.write_text(visits(6), encoding="utf-8")
    printed = installation.connect()
    authorize_url = printed.splitlines()[0]
    printed = printed.replace(authorize_url, "")
    printed += installation.run("invites", "import", str(file)).stderr
    printed += installation.run("run-once", WORKER_LOG__LEVEL="debug").stderr
    sandbox.expire_access_tokens()
    sandbox.set_faults(Faults(drop_after_share=0.4, error_500_share=0.3, garbage_share=0.3))
    installation.execute("UPDATE invite SET notes = notes || '-changed'")
    printed += installation.run("run-once", expect=69, WORKER_LOG__LEVEL="debug").stderr
    service = installation.start("run", WORKER_LOG__LEVEL="debug")
    wait_until(lambda: bool(installation.rows("SELECT 1 AS x FROM job WHERE name = 'push_invites'")))
    printed += "".join(installation.stop(service))

    sealed = [
        *(part for n in range(6) for part in (f"Canary{n}", f"canary{n}@example.com", f"note-canary-{n}")),
        *sandbox.secrets_given(),
        installation.env["ENVOY_CLIENT_SECRET"],
        installation.env["WORKER_ENCRYPTION_KEYS"],
    ]
    assert "invite.sent" in printed
    assert [secret for secret in sealed if secret in printed] == []


@pytest.mark.parametrize("processes", [1, 4])
def test_short_lived_tokens_are_never_used_twice(postgresql_url: str, processes: int) -> None:
    """Tokens that live 3 s, 100 invites, 20 ms each: all are sent once, and no refresh token is reused."""
    with Sandbox(port=0, access_token_seconds=3, faults=Faults(latency_seconds=0.02)) as sandbox:
        installation = Installation(
            postgresql_url, sandbox, WORKER_PUSH__RATE_PER_SECOND="25", WORKER_JOBS__PUSH_INVITES__EVERY="0.2"
        )
        installation.connect()
        installation.run("invites", "import", "-", stdin=visits(100))
        services = [installation.start("run") for _ in range(processes)]
        wait_until(lambda: installation.statuses() == {"sent": 100}, seconds=60)
        for service in services:
            installation.stop(service)
        ledger = sandbox.ledger()
        installation.database.dispose()

    assert [service.returncode for service in services] == [0] * processes
    assert len(ledger["creates"]) == 100
    assert ledger["duplicates"] == []
    assert ledger["refreshes"] >= 2
    assert ledger["refresh_token_reuse"] == 0
