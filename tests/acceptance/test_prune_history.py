"""Retention through real processes: what is said before it, killed in the middle, and done."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import worker_rows
from tests.installation import ROOT, Installation, events
from worker.sandbox import Faults

VISITS = 1200  # more than fit into two batches


@pytest.fixture
def full(installation: Installation) -> Installation:
    """Give an installation with visits that were over years ago, and one that waits."""
    installation.connect()
    installation.add(VISITS + 1)
    installation.execute(
        "UPDATE invite SET expected_arrival_at = '2020-05-01T10:00:00Z', notes = 'canary' WHERE id <= :last",
        last=VISITS,
    )
    worker_rows.finish_long_ago(installation, "expired", first=VISITS)
    return installation


def uncleared(installation: Installation) -> int:
    """Return how many visits still have their visitor."""
    query = "SELECT count(*) AS number FROM invite WHERE invitee_name <> '(cleared)'"
    return int(installation.rows(query)[0]["number"])


def test_it_is_told_before_it_is_done(full: Installation) -> None:
    """A dry run counts and writes nothing; the run counts the same, and tells it in its event."""
    said = full.run("run-once", "prune_history", "--yes", "--dry-run").stdout
    data = json.loads(full.run("run-once", "prune_history", "--yes", "--dry-run", "--json").stdout)
    with_all = full.run("run-once", "--yes", "--dry-run").stdout
    before = uncleared(full)

    done = full.run("run-once", "prune_history", "--yes", "--json")

    counts = {"cleared": VISITS, "attempts_deleted": 0, "runs_deleted": 0}
    assert said == f"prune_history: {VISITS} cleared (dry run, nothing was written)\n"
    assert data == {"invites": [], "jobs": {"prune_history": counts}}
    assert with_all == f"acme/v-{VISITS}: create\n{said}"
    assert before == VISITS + 1
    assert json.loads(done.stdout) == {"jobs": {"prune_history": counts}}
    (finished,) = [event for event in events(done.stderr) if event["event"] == "job.finished"]
    assert {name: finished[name] for name in counts} == counts
    assert full.statuses() == {"expired": VISITS, "pending": 1}


def test_killed_in_the_middle_it_is_gone_on_with(full: Installation) -> None:
    """The next run takes the dead one's lease at once, and does the rest."""
    all_of_it = ("run-once", "prune_history", "--yes")
    full.run(*all_of_it, expect=-signal.SIGKILL, WORKER_FAILPOINTS="after_clear_commit:2")
    halfway = uncleared(full)

    full.run("run-once", "prune_history")

    assert (halfway, uncleared(full)) == (201, 1)
    assert full.statuses() == {"expired": VISITS, "pending": 1}


def test_by_a_wrong_clock_nothing_is_cleared_and_then_a_part_a_night(full: Installation) -> None:
    """With Envoy's clock ten years behind ours one of them is wrong; once they agree, the oldest go first."""
    full.sandbox.set_faults(Faults(outage="drop"))
    alone = full.run("run-once", "prune_history", expect=69)
    full.sandbox.set_faults(Faults(date="-315360000"))
    wrong = full.run("run-once", "prune_history", expect=75)
    after_wrong = uncleared(full)
    warned = full.run("check").stdout
    full.sandbox.set_faults(Faults())

    told = full.run("run-once", "prune_history").stdout

    (finished,) = [event for event in events(wrong.stderr) if event["event"] == "job.finished"]
    assert (finished["level"], finished["error_code"]) == ("warning", "clock_disagrees")
    assert "3,650 days ahead of Envoy's" in wrong.stdout
    assert "is 3,650 days ahead of Envoy's" in warned
    assert "nothing was cleared or deleted" in alone.stdout
    assert (after_wrong, uncleared(full)) == (VISITS + 1, VISITS + 1 - 1000)
    assert "1000 cleared, 200 left" in told
    assert "run-once prune_history --yes" in told


def test_all_at_once_is_for_jobs_that_do_a_part(small_connected: Installation) -> None:
    """Of a job that does all anyhow it would be a mistake."""
    refused = small_connected.run("run-once", "push_invites", "--yes", expect=2)

    assert refused.stderr.startswith("error: --yes: none of these jobs")


def test_what_was_cleared_too_early_is_imported_again(small_connected: Installation, tmp_path: Path) -> None:
    """The same file changes a visit that lies ahead, and Envoy is told once."""
    small_connected.add(1)
    small_connected.run("run-once", "push_invites")
    small_connected.execute(
        "UPDATE invite SET invitee_name = '(cleared)', cleared_at = '2026-01-01T10:00:00.000Z'"
    )
    worker_rows.forget_sent_content(small_connected)
    file = tmp_path / "visits.csv"
    file.write_text(
        "connection,external_id,invitee_name,location,expected_arrival_at\n"
        "acme,v-0,Visitor 0,Berlin,2035-05-01T10:00:00Z\n"
    )

    said = small_connected.run("invites", "import", str(file)).stdout
    pushed = json.loads(small_connected.run("run-once", "push_invites", "--json").stdout)

    assert "1 changed" in said
    assert pushed["jobs"]["push_invites"]["updated"] == 1
    assert small_connected.rows("SELECT invitee_name FROM invite") == [{"invitee_name": "Visitor 0"}]


def test_an_unregistered_job_does_nothing(full: Installation, tmp_path: Path) -> None:
    """Anyone who leaves it out of settings.toml keeps everything."""
    settings = tmp_path / "settings.toml"
    whole = (ROOT / "settings.toml").read_text(encoding="utf-8")
    settings.write_text(whole.partition("[jobs.prune_history]")[0], encoding="utf-8")

    full.run("run-once", WORKER_SETTINGS=str(settings))

    assert uncleared(full) == VISITS + 1


def test_a_reader_that_keeps_the_log_is_told_with_what_to_do(small_connected: Installation) -> None:
    """The exit code alone would say neither why nor what to do."""
    small_connected.add(1)
    small_connected.execute("UPDATE invite SET expected_arrival_at = '2020-05-01T10:00:00Z'")
    worker_rows.set_delivery(small_connected, status="expired", updated_at=worker_rows.LONG_AGO)
    path = small_connected.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM invite").fetchone()

        done = small_connected.run("run-once", "prune_history", expect=75)

    (finished,) = [event for event in events(done.stderr) if event["event"] == "job.finished"]
    assert finished["level"] == "warning"
    assert "run-once prune_history` once it has ended" in finished["hint"]
    assert done.stdout.count(finished["hint"]) == 1
