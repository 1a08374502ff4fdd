"""Invites without a delivery: written while no trigger fired, by a replication, a bulk load or a restore."""

from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from jobs import push_invites
from tests import worker_rows
from tests.integration.delivery.doubtful_creates import names
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.interleaving import overtaken
from worker.invites import moves, store
from worker.runs import RunContext


class Unguarded:
    """A worker's database as a foreign program may write it: on a connection without foreign keys."""

    def __init__(self, worker: WorkerWithSandbox) -> None:
        """Take it."""
        self._database = worker.context.database

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement in a transaction of its own."""
        engine = sa.create_engine(self._database.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql("SET session_replication_role = replica")
            connection.execute(sa.text(statement), values)


def forget(worker: WorkerWithSandbox, external_id: str = "v-1") -> None:
    """Take away an invite's delivery, as if it had never been made."""
    worker_rows.lose_delivery(Unguarded(worker), external_id)


def push_on_schedule(worker: WorkerWithSandbox) -> Any:
    return push_invites.run(RunContext(worker.context, "run-1", "schedule"))


def test_it_is_sent_and_told_by_number(worker: WorkerWithSandbox) -> None:
    """Nobody ever tried it, so that it is a row like any other, no matter who wrote it."""
    worker.add()
    worker.add("v-2")
    forget(worker)
    forget(worker, "v-2")

    with structlog.testing.capture_logs() as logs:
        worker.push()
    (told,) = [one for one in logs if one.get("error_code") == "delivery_missing"]
    (invite,) = worker.rows("SELECT id FROM invite WHERE external_id = 'v-1'")

    assert (told["log_level"], told["connection"], told["number"]) == ("warning", "acme", 2)
    assert names(worker) == ["Visitor v-1", "Visitor v-2"]
    assert (worker.delivery()["status"], worker.delivery()["invite_id"]) == ("sent", invite["id"])


def test_a_service_heals_it_in_the_run_after(worker: WorkerWithSandbox) -> None:
    """A look at the newest rows is all that its runs take, but for one in ten minutes."""
    push_on_schedule(worker)
    worker.add()
    forget(worker)

    push_on_schedule(worker)

    assert names(worker) == ["Visitor v-1"]


def test_what_envoy_may_have_is_left_for_a_person(worker: WorkerWithSandbox) -> None:
    """A line of the ledger whose delivery is gone may be any invite's that was there when it began."""
    worker.add()
    worker.push()
    forget(worker)
    worker.execute("UPDATE invite SET created_at = '2020-01-01T00:00:00.000Z'")
    worker.add("v-2", created_at="2099-01-01T00:00:00.000Z")
    forget(worker, "v-2")

    with structlog.testing.capture_logs() as logs:
        report = worker.push()
    (told,) = [one for one in logs if one.get("error_code") == "delivery_lost"]

    assert (report.counts["unknown"], told["log_level"], told["external_id"]) == (1, "error", "v-1")
    assert names(worker) == ["Visitor v-1", "Visitor v-2"]
    assert (worker.delivery()["status"], worker.delivery()["next_attempt_at"]) == ("unknown", None)
    database = worker.context.database
    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)
    worker.push()
    assert names(worker) == ["Visitor v-1", "Visitor v-1", "Visitor v-2"]


@pytest.mark.parametrize("lost", [False, True])
def test_two_that_heal_at_once_make_one_delivery(worker: WorkerWithSandbox, lost: bool) -> None:
    """The other one's commit may fall between what this one saw and its locks."""
    worker.add()
    if lost:
        worker.push()
        worker.execute("UPDATE invite SET created_at = '2020-01-01T00:00:00.000Z'")
    forget(worker)

    def heal() -> None:
        worker_rows.make_missing_deliveries(Unguarded(worker))

    with overtaken(worker.context.database, heal, at="INSERT INTO delivery"):
        worker.push()

    assert len(worker.rows("SELECT 1 FROM delivery")) == 1
    assert not lost or len(worker.rows("SELECT 1 FROM attempt WHERE verdict = 'unknown'")) == 0


def test_what_surely_was_not_executed_and_an_id_given_anew_are_no_traces(worker: WorkerWithSandbox) -> None:
    """Envoy refused the one; and a load that numbers its rows again gives the ids of before to others."""
    worker.add()
    worker.push()
    worker.add("v-2")
    forget(worker, "v-2")
    (newest,) = worker.rows("SELECT max(id) AS id FROM invite")
    worker_rows.set_delivery(Unguarded(worker), invite_id=newest["id"])
    worker.push()
    assert names(worker) == ["Visitor v-1", "Visitor v-2"]

    forget(worker)
    worker_rows.set_attempts(worker, verdict="rejected")
    worker.push()

    assert names(worker) == ["Visitor v-1", "Visitor v-1", "Visitor v-2"]


def test_times_that_no_trigger_has_seen_are_written_as_all_others_are(worker: WorkerWithSandbox) -> None:
    """On SQLite they are text, and compared as such: by a mirror import, and by retention."""
    if not worker.context.database.is_sqlite:
        return
    worker.add()
    forget(worker)
    triggers = worker.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    spelt = "created_at = '2030-01-01 09:00:00', updated_at = '2030-01-01T10:00+01:00'"
    arrival = "replace(substr(expected_arrival_at, 1, 16), 'T', ' ') || '+00:00'"
    unseen = [f"DROP TRIGGER {one['name']}" for one in triggers]
    unseen.append(f"UPDATE invite SET expected_arrival_at = {arrival}, {spelt}")  # noqa: S608 -- ours
    for statement in (*unseen, *(one["sql"] for one in triggers)):
        Unguarded(worker).execute(statement)

    worker.push()

    (row,) = worker.rows("SELECT created_at, updated_at, expected_arrival_at AS arrival FROM invite")
    assert (row["created_at"], row["updated_at"]) == ("2030-01-01T09:00:00.000Z",) * 2
    assert row["arrival"].endswith(":00.000Z")
    assert "T" in row["arrival"]
    assert (worker.delivery()["status"], worker.delivery()["revision"]) == ("sent", 1)


def test_what_was_renamed_in_between_is_sent_only_if_it_never_was(worker: WorkerWithSandbox) -> None:
    """Its delivery still has the old key: where that was tried, Envoy has it under that one."""
    worker.add()
    worker.push()
    worker.add("v-2")
    for key in ("v-1", "v-2"):
        worker_rows.set_delivery(Unguarded(worker), key, external_id=f"before-{key}")

    worker.push()

    assert names(worker) == ["Visitor v-1", "Visitor v-2"]
    rows = {row["external_id"]: row["status"] for row in worker.rows("SELECT * FROM delivery")}
    assert rows == {"before-v-1": "sent", "v-1": "unknown", "v-2": "sent"}
