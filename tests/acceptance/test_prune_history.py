"""Retention through real processes: what is said before it, killed in the middle, and done."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.installation import ROOT, Installation, events

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
    installation.execute(
        "UPDATE delivery SET status = 'expired', next_attempt_at = NULL,"
        " updated_at = '2020-06-01T10:00:00.000Z' WHERE id <= :last",
        last=VISITS,
    )
    return installation


def uncleared(installation: Installation) -> int:
    """Return how many visits still have their visitor."""
    query = "SELECT count(*) AS number FROM invite WHERE invitee_name <> '(cleared)'"
    return int(installation.rows(query)[0]["number"])


def test_it_is_told_before_it_is_done(full: Installation) -> None:
    """A dry run counts and writes nothing; the run counts the same, and tells it in its event."""
    said = full.run("run-once", "prune_history", "--dry-run").stdout
    data = json.loads(full.run("run-once", "prune_history", "--dry-run", "--json").stdout)
    with_all = full.run("run-once", "--dry-run").stdout
    before = uncleared(full)

    done = full.run("run-once", "prune_history", "--json")

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
    full.run("run-once", "prune_history", expect=-signal.SIGKILL, WORKER_FAILPOINTS="after_clear_commit:2")
    halfway = uncleared(full)

    full.run("run-once", "prune_history")

    assert (halfway, uncleared(full)) == (201, 1)
    assert full.statuses() == {"expired": VISITS, "pending": 1}


def test_an_unregistered_job_does_nothing(full: Installation, tmp_path: Path) -> None:
    """Whoever leaves it out of settings.toml keeps everything."""
    settings = tmp_path / "settings.toml"
    whole = (ROOT / "settings.toml").read_text(encoding="utf-8")
    settings.write_text(whole.partition("[jobs.prune_history]")[0], encoding="utf-8")

    full.run("run-once", WORKER_SETTINGS=str(settings))

    assert uncleared(full) == VISITS + 1


def test_a_reader_that_keeps_the_log_is_told_with_what_to_do(small_connected: Installation) -> None:
    """The exit code alone would say neither why nor what to do."""
    small_connected.add(1)
    small_connected.execute("UPDATE invite SET expected_arrival_at = '2020-05-01T10:00:00Z'")
    small_connected.execute("UPDATE delivery SET status = 'expired', updated_at = '2020-06-01T10:00:00.000Z'")
    path = small_connected.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM invite").fetchone()

        done = small_connected.run("run-once", "prune_history", expect=75)

    (finished,) = [event for event in events(done.stderr) if event["event"] == "job.finished"]
    assert finished["level"] == "warning"
    assert "run-once prune_history` once it has ended" in finished["hint"]
    assert done.stdout.count(finished["hint"]) == 1
