"""What became of a doubtful create is read in Envoy, and only that settles it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import worker_rows
from tests.integration.delivery.doubtful_creates import (
    ARRIVAL,
    WITHOUT_READING,
    doubt,
    in_envoy,
    late_answer,
    names,
    text_of,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database import Database
from worker.sandbox import Faults


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


def test_a_create_that_was_executed_is_found(worker: WorkerWithSandbox) -> None:
    """The answer was lost, the invite was not: it is sent, under Envoy's id, and nothing is sent again."""
    doubt(worker, "drop_after_share")
    worker.make_looks_due()

    report = worker.reconcile()
    worker.push()

    delivery = worker.delivery()
    assert (report.counts["looked_up"], report.counts["sent"]) == (1, 1)
    assert (delivery["status"], delivery["sent_revision"]) == ("sent", 1)
    assert delivery["envoy_invite_id"] == worker.sandbox.invites()[-1]["id"]
    assert names(worker) == ["Visitor v-1"]
    look = worker.attempts()[-1]
    assert (look["kind"], look["verdict"], look["envoy_invite_id"]) == (
        "look_up",
        "sent",
        delivery["envoy_invite_id"],
    )


def test_a_create_that_was_not_executed_is_sent_again_after_the_last_look(worker: WorkerWithSandbox) -> None:
    """Four looks, spread over ten minutes, found nothing; the ledger holds the evidence."""
    doubt(worker, "drop_before_share")
    for number in (1, 2, 3):
        worker.make_looks_due()
        worker.reconcile()
        assert (worker.delivery()["status"], worker.delivery()["look_ups"]) == ("unknown", number)
        assert not worker.push().did_something

    worker.make_looks_due()
    assert worker.reconcile().counts["pending"] == 1
    assert worker.push().counts["sent"] == 1

    assert names(worker) == ["Visitor v-1"]
    assert worker.delivery()["content_key"] is None
    last = [line for line in worker.attempts() if line["kind"] == "look_up"][-1]
    known = worker.delivery("known")["envoy_invite_id"]
    assert last["verdict"] == "deferred"
    assert last["detail"] == f"4 looks found nothing; the same query found {known}"


def test_an_invite_that_shows_up_late_is_found_late(worker: WorkerWithSandbox) -> None:
    """Reads may lag behind writes; the later looks see it."""
    doubt(worker, "drop_after_share")
    worker.sandbox.set_faults(Faults(read_lag_seconds=3600))
    worker.make_looks_due()
    worker.reconcile()
    assert worker.delivery()["status"] == "unknown"

    worker.sandbox.set_faults(Faults())
    worker.make_looks_due()
    worker.reconcile()

    assert worker.delivery()["status"] == "sent"


def test_nothing_is_concluded_from_a_query_that_finds_nothing_known(worker: WorkerWithSandbox) -> None:
    """If not even an invite that Envoy surely has is found, that one is missing says nothing."""
    doubt(worker, "drop_after_share")
    worker.sandbox.set_faults(Faults(read_lag_seconds=3600))

    worker.look_to_the_end()
    worker.look_to_the_end()

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_unproven")
    assert delivery["next_attempt_at"] is not None
    worker.sandbox.set_faults(Faults())
    assert worker.look_to_the_end()["sent"] == 1


def test_several_equal_invites_are_left_for_a_person(worker: WorkerWithSandbox) -> None:
    """Somebody made the same invite by hand: both ids are shown, and nobody looks again."""
    doubt(worker, "drop_after_share")
    by_hand = in_envoy(worker)
    worker.make_looks_due()

    assert worker.reconcile().counts["unknown"] == 1

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_several")
    assert by_hand in delivery["error_detail"]
    assert delivery["next_attempt_at"] is None
    assert worker.look_to_the_end()["looked_up"] == 0


def test_something_near_is_left_for_a_person(worker: WorkerWithSandbox) -> None:
    """Our invite may have been corrected in Envoy: sending it again would invite twice."""
    doubt(worker, "drop_before_share", invitee_email="ann@example.com")
    near = in_envoy(worker, invitee={"name": "Ann, corrected", "email": "ann@example.com"})

    assert worker.look_to_the_end()["unknown"] == 1

    delivery = worker.delivery()
    assert (delivery["error_code"], delivery["next_attempt_at"]) == ("look_up_near", None)
    assert near in delivery["error_detail"]


def test_an_equal_invite_of_another_row_is_not_taken(worker: WorkerWithSandbox) -> None:
    """Two bookings of one visit are two invites; the one that is sent has its own."""
    worker.add("twin", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Visitor v-1")
    worker.push()
    doubt(worker, "drop_before_share")

    counts = worker.look_to_the_end()
    worker.push()

    assert counts["pending"] == 1
    assert names(worker) == ["Visitor v-1", "Visitor v-1"]
    assert worker.delivery()["envoy_invite_id"] != worker.delivery("twin")["envoy_invite_id"]


def test_an_invite_of_ours_that_was_removed_is_not_taken_for_the_new_one(worker: WorkerWithSandbox) -> None:
    """Should Envoy still list what we removed, it is not what the create in doubt has made."""
    doubt(worker, "drop_before_share")
    removed = in_envoy(worker)
    worker_rows.add_attempt(worker, "before", "v-1", fencing_token=0, envoy_invite_id=removed)

    assert worker.look_to_the_end()["pending"] == 1


def test_a_change_while_in_doubt_is_looked_at_once_it_is_settled(worker: WorkerWithSandbox) -> None:
    """What was sent is what is looked for; then Envoy comes to the newest revision by one update."""
    doubt(worker, "drop_after_share")
    worker.execute("UPDATE invite SET invitee_name = 'Ann Changed' WHERE external_id = 'v-1'")
    worker.make_looks_due()

    worker.reconcile()
    assert worker.delivery()["status"] == "pending"
    worker.push()

    assert names(worker) == ["Ann Changed"]
    (update,) = worker.sandbox.ledger()["updates"]
    assert update["invite_id"] == worker.delivery()["envoy_invite_id"]


def test_an_invite_older_than_the_attempt_is_left_for_a_person(worker: WorkerWithSandbox) -> None:
    """Somebody had made the same visit by hand, long before."""
    doubt(worker, "drop_before_share")
    in_envoy(worker)
    worker_rows.let_attempts_have_begun(worker, datetime.now(UTC) + timedelta(minutes=10), "v-1")
    worker.make_looks_due()

    worker.reconcile()

    assert (worker.delivery()["status"], worker.delivery()["error_code"]) == ("unknown", "look_up_older")


def test_the_clock_that_counts_is_envoys(make_worker: Any, database_url: str) -> None:
    """A database whose clock is ten minutes ahead does not make our own invite look old."""
    worker: WorkerWithSandbox = make_worker(
        WORKER_ENVOY__SCOPES=json.dumps([*WITHOUT_READING, "invites.read"])
    )
    worker.context.__dict__["any_database"] = Database(
        database_url, clock=lambda: datetime.now(UTC) + timedelta(minutes=10)
    )
    worker.connect()
    doubt(worker, "drop_after_share")
    worker_rows.put_off(worker, text_of(datetime.now(UTC)))

    assert worker.reconcile().counts["sent"] == 1


def test_what_is_not_wanted_any_more_is_found_first_and_then_removed(worker: WorkerWithSandbox) -> None:
    """A withdrawal while in doubt leaves nothing behind in Envoy."""
    doubt(worker, "drop_after_share")
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")
    worker.make_looks_due()

    worker.reconcile()
    worker.push()

    assert (names(worker), worker.delivery()["status"]) == ([], "withdrawn")


def test_a_row_that_was_interrupted_three_times_is_set_aside(worker: WorkerWithSandbox) -> None:
    """It may be what ends the process; a person retries it, and then it counts again."""
    doubt(worker, "drop_before_share")
    worker_rows.count_interruptions(worker, 3, "v-1")

    assert worker.look_to_the_end()["rejected"] == 1

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("rejected", "interrupted_repeatedly")
    assert delivery["interruptions"] == 0


def test_a_late_answer_settles_a_row_that_was_not_found(worker: WorkerWithSandbox) -> None:
    """No look saw it, it is due again; then its answer comes after all, before anybody sent it again."""
    doubt(worker, "drop_before_share")
    worker.look_to_the_end()
    assert worker.delivery()["status"] == "pending"

    late_answer(worker, "40009999")

    assert (worker.delivery()["status"], worker.delivery()["envoy_invite_id"]) == ("sent", "40009999")


def test_a_marker_tells_our_invite_from_an_equal_one(make_worker: Any) -> None:
    """With it, an invite made by hand is no reason to ask a person."""
    worker: WorkerWithSandbox = make_worker(
        WORKER_RECONCILE__MARKER="true",
        WORKER_ENVOY__SCOPES=json.dumps([*WITHOUT_READING, "invites.read"]),
    )
    worker.connect()
    doubt(worker, "drop_after_share", notes="with a dog")
    in_envoy(worker)
    worker.make_looks_due()

    worker.reconcile()

    ours = next(one for one in worker.sandbox.invites() if one["id"] == worker.delivery()["envoy_invite_id"])
    assert ours["notes"].startswith("with a dog ref:")


def test_an_id_that_another_row_has_is_for_a_person(worker: WorkerWithSandbox) -> None:
    """Envoy answered a create with the id of another invite: no look could tell more than that."""
    doubt(worker, "drop_before_share")
    known = worker.delivery("known")["envoy_invite_id"]

    late_answer(worker, known)

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "id_taken")
    assert delivery["next_attempt_at"] is None
