"""run-once and run when things go wrong: exit codes, one line, nothing lost."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests import worker_rows
from tests.installation import Installation, events
from tests.waiting import wait_until
from worker.sandbox import Faults, Sandbox


def test_run_once_ends_in_order_on_sigterm(installation: Installation, sandbox: Sandbox) -> None:
    """What is in flight ends and is stored, the rest stays pending, and 75 says: come back."""
    installation.connect()
    installation.add(40)
    sandbox.set_faults(Faults(latency_seconds=1.0))
    process = installation.start("run-once")
    wait_until(lambda: installation.statuses().get("sending", 0) == 8)

    installation.stop(process, signal.SIGTERM)

    assert process.returncode == 75
    assert installation.statuses() == {"sent": 8, "pending": 32}
    assert len(sandbox.invites()) == 8


def test_envoy_away_is_69_and_nothing_is_lost(installation: Installation, sandbox: Sandbox) -> None:
    """The invites stay pending without an attempt; when Envoy is back and the hold is over they go out."""
    installation.connect()
    installation.add(3)
    sandbox.stop()

    installation.run("run-once", "push_invites", expect=69)
    assert installation.statuses() == {"pending": 3}
    assert installation.rows("SELECT max(attempts) AS most FROM delivery") == [{"most": 0}]

    sandbox.start()
    worker_rows.end_waits(installation)
    installation.run("run-once", "push_invites")
    assert installation.statuses() == {"sent": 3}


def test_the_service_sits_an_outage_out_and_resumes_by_itself(
    installation: Installation, sandbox: Sandbox
) -> None:
    """Amid a drain Envoy goes down: few invites in doubt, the rest untouched, and then sent once each."""
    installation.connect()
    sandbox.set_faults(Faults(latency_seconds=0.02))
    installation.add(100)
    quick = {"WORKER_PUSH__HOLD_SECONDS": "[0.2, 0.5]", "WORKER_JOBS__PUSH_INVITES__EVERY": "0.3"}
    with installation.start("run", **quick) as service:
        wait_until(lambda: len(sandbox.invites()) >= 10)
        sandbox.set_faults(Faults(outage="drop"))
        wait_until(lambda: installation.rows("SELECT hold_count FROM host WHERE hold_count >= 2") != [])
        assert set(installation.statuses()) <= {"sent", "pending", "unknown"}
        waiting = "SELECT DISTINCT attempts FROM delivery WHERE status = 'pending'"
        assert installation.rows(waiting) == [{"attempts": 0}]
        sandbox.set_faults(Faults())
        wait_until(lambda: not {"pending", "sending"}.intersection(installation.statuses()))
        installation.stop(service)

    assert service.returncode == 0
    assert installation.statuses().get("unknown", 0) <= 8
    assert len(sandbox.invites()) == installation.statuses()["sent"]
    assert sandbox.ledger()["duplicates"] == []


def test_a_held_connection_is_75(installation: Installation) -> None:
    """A pause that an operator set is respected, and the exit code says: not now."""
    installation.connect()
    installation.add(1)
    installation.run("connections", "pause", "acme")

    installation.run("run-once", "push_invites", expect=75)

    assert installation.statuses() == {"pending": 1}


def test_a_rejected_row_and_a_doubtful_one_are_3(installation: Installation, sandbox: Sandbox) -> None:
    """The pass is done, and somebody should look; the error stands in the log with a hint."""
    installation.connect()
    installation.add(2)
    installation.execute("UPDATE invite SET location = 'Nowhere' WHERE external_id = 'v-0'")
    sandbox.set_faults(Faults(garbage_share=1.0))

    done = installation.run("run-once", "push_invites", expect=3)

    assert installation.statuses() == {"rejected": 1, "unknown": 1}
    errors = [event for event in events(done.stderr) if event["level"] == "error"]
    assert {event["event"] for event in errors} == {"invite.rejected", "invite.unknown"}
    assert all(event["hint"] for event in errors)


def test_a_dead_grant_is_77_with_the_command_that_mends_it(
    installation: Installation, sandbox: Sandbox
) -> None:
    """One ERROR event names the connection; connecting again repairs it and nothing was lost."""
    installation.connect()
    installation.add(2)
    sandbox.revoke()
    sandbox.expire_access_tokens()

    done = installation.run("run-once", "push_invites", expect=77)

    told = [event for event in events(done.stderr) if event["event"] == "connection.needs_authorisation"]
    assert len(told) == 1
    assert "envoy-worker connect acme" in told[0]["hint"]
    assert installation.statuses() == {"pending": 2}

    installation.connect()
    installation.run("run-once", "push_invites")
    assert installation.statuses() == {"sent": 2}


@pytest.mark.parametrize("as_json", [True, False])
def test_a_dry_run_names_each_fate_and_writes_nothing(
    installation: Installation, sandbox: Sandbox, *, as_json: bool
) -> None:
    """What would be created, rejected or withdrawn is said; neither Envoy nor the database changes."""
    installation.connect()
    installation.add(3)
    installation.execute("UPDATE invite SET location = 'Berln' WHERE external_id = 'v-1'")
    installation.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-2'")
    before = installation.rows("SELECT * FROM delivery"), sandbox.ledger()["requests"]

    said = installation.run("run-once", "--dry-run", *(["--json"] if as_json else [])).stdout

    assert ('"fate": "create"' if as_json else "acme/v-0: create") in said
    assert "Berlin" in said, "the nearest name is a hint"
    assert "withdrawn" in said
    assert (installation.rows("SELECT * FROM delivery"), sandbox.ledger()["requests"]) == before


def test_without_a_schema_the_one_line_says_what_to_do(installation: Installation) -> None:
    """Exit 78 before anything else, from run as from run-once."""
    installation.execute("UPDATE alembic_version SET version_num = '9999'")

    for command in ("run", "run-once"):
        done = installation.run(command, expect=78)
        assert len(done.stderr.splitlines()) == 1
        assert "9999" in done.stderr


def test_a_named_job_that_runs_elsewhere_is_75(installation: Installation) -> None:
    """Its lease is another living process's."""
    installation.connect()
    until = datetime.now(UTC) + timedelta(seconds=60)
    worker_rows.add_job(installation, "refresh_directory", lease_owner="elsewhere", lease_until=until)

    installation.run("run-once", "refresh_directory", expect=75)
    installation.run("run-once")
