"""What became of a doubtful create is read in Envoy, and only that settles it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.delivery.doubting import (
    ARRIVAL,
    WITHOUT_READING,
    doubt,
    in_envoy,
    late_answer,
    names,
    text_of,
)
from tests.integration.delivery.world import World
from worker.database import Database
from worker.sandbox import Faults


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world whose customer lets us read invites, one of which is known to be there."""
    return known_world


def test_a_create_that_was_executed_is_found(world: World) -> None:
    """The answer was lost, the invite was not: it is sent, under Envoy's id, and nothing is sent again."""
    doubt(world, "drop_after_share")
    world.make_looks_due()

    report = world.reconcile()
    world.push()

    delivery = world.delivery()
    assert (report.counts["looked_up"], report.counts["sent"]) == (1, 1)
    assert (delivery["status"], delivery["sent_revision"]) == ("sent", 1)
    assert delivery["envoy_invite_id"] == world.sandbox.invites()[-1]["id"]
    assert names(world) == ["Visitor v-1"]
    look = world.attempts()[-1]
    assert (look["kind"], look["verdict"], look["envoy_invite_id"]) == (
        "look_up",
        "sent",
        delivery["envoy_invite_id"],
    )


def test_a_create_that_was_not_executed_is_sent_again_after_the_last_look(world: World) -> None:
    """Four looks, spread over ten minutes, found nothing; the ledger holds the evidence."""
    doubt(world, "drop_before_share")
    for number in (1, 2, 3):
        world.make_looks_due()
        world.reconcile()
        assert (world.delivery()["status"], world.delivery()["look_ups"]) == ("unknown", number)
        assert not world.push().did_something

    world.make_looks_due()
    assert world.reconcile().counts["pending"] == 1
    assert world.push().counts["sent"] == 1

    assert names(world) == ["Visitor v-1"]
    assert world.delivery()["content_key"] is None
    last = [line for line in world.attempts() if line["kind"] == "look_up"][-1]
    known = world.delivery("known")["envoy_invite_id"]
    assert last["verdict"] == "deferred"
    assert last["detail"] == f"4 looks found nothing; the same query found {known}"


def test_an_invite_that_shows_up_late_is_found_late(world: World) -> None:
    """Reads may lag behind writes; the later looks see it."""
    doubt(world, "drop_after_share")
    world.sandbox.set_faults(Faults(read_lag_seconds=3600))
    world.make_looks_due()
    world.reconcile()
    assert world.delivery()["status"] == "unknown"

    world.sandbox.set_faults(Faults())
    world.make_looks_due()
    world.reconcile()

    assert world.delivery()["status"] == "sent"


def test_nothing_is_concluded_from_a_query_that_finds_nothing_known(world: World) -> None:
    """If not even an invite that Envoy surely has is found, that one is missing says nothing."""
    doubt(world, "drop_after_share")
    world.sandbox.set_faults(Faults(read_lag_seconds=3600))

    world.look_to_the_end()
    world.look_to_the_end()

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_unproven")
    assert delivery["next_attempt_at"] is not None
    world.sandbox.set_faults(Faults())
    assert world.look_to_the_end()["sent"] == 1


def test_several_equal_invites_are_left_for_a_person(world: World) -> None:
    """Somebody made the same invite by hand: both ids are shown, and nobody looks again."""
    doubt(world, "drop_after_share")
    by_hand = in_envoy(world)
    world.make_looks_due()

    assert world.reconcile().counts["unknown"] == 1

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_several")
    assert by_hand in delivery["error_detail"]
    assert delivery["next_attempt_at"] is None
    assert world.look_to_the_end()["looked_up"] == 0


def test_something_near_is_left_for_a_person(world: World) -> None:
    """Our invite may have been corrected in Envoy: sending it again would invite twice."""
    doubt(world, "drop_before_share", invitee_email="ann@example.com")
    near = in_envoy(world, invitee={"name": "Ann, corrected", "email": "ann@example.com"})

    assert world.look_to_the_end()["unknown"] == 1

    delivery = world.delivery()
    assert (delivery["error_code"], delivery["next_attempt_at"]) == ("look_up_near", None)
    assert near in delivery["error_detail"]


def test_an_equal_invite_of_another_row_is_not_taken(world: World) -> None:
    """Two bookings of one visit are two invites; the one that is sent has its own."""
    world.add("twin", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Visitor v-1")
    world.push()
    doubt(world, "drop_before_share")

    counts = world.look_to_the_end()
    world.push()

    assert counts["pending"] == 1
    assert names(world) == ["Visitor v-1", "Visitor v-1"]
    assert world.delivery()["envoy_invite_id"] != world.delivery("twin")["envoy_invite_id"]


def test_an_invite_of_ours_that_was_removed_is_not_taken_for_the_new_one(world: World) -> None:
    """Should Envoy still list what we removed, it is not what the create in doubt has made."""
    doubt(world, "drop_before_share")
    removed = in_envoy(world)
    world.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, started_at, envoy_invite_id)"
        " SELECT 'before', id, 'create', 1, 0, created_at, :removed FROM delivery"
        " WHERE external_id = 'v-1'",
        removed=removed,
    )

    assert world.look_to_the_end()["pending"] == 1


def test_a_change_while_in_doubt_is_looked_at_once_it_is_settled(world: World) -> None:
    """What was sent is what is looked for; then Envoy comes to the newest revision by one update."""
    doubt(world, "drop_after_share")
    world.execute("UPDATE invite SET invitee_name = 'Ann Changed' WHERE external_id = 'v-1'")
    world.make_looks_due()

    world.reconcile()
    assert world.delivery()["status"] == "pending"
    world.push()

    assert names(world) == ["Ann Changed"]
    (update,) = world.sandbox.ledger()["updates"]
    assert update["invite_id"] == world.delivery()["envoy_invite_id"]


def test_an_invite_older_than_the_attempt_is_left_for_a_person(world: World) -> None:
    """Somebody had made the same visit by hand, long before."""
    doubt(world, "drop_before_share")
    in_envoy(world)
    world.execute(
        "UPDATE attempt SET started_at = :later, boot_seconds = NULL"
        " WHERE id = (SELECT attempt_id FROM delivery WHERE external_id = 'v-1')",
        later=text_of(datetime.now(UTC) + timedelta(minutes=10)),
    )
    world.make_looks_due()

    world.reconcile()

    assert (world.delivery()["status"], world.delivery()["error_code"]) == ("unknown", "look_up_older")


def test_the_clock_that_counts_is_envoys(make_world: Any, database_url: str) -> None:
    """A database whose clock is ten minutes ahead does not make our own invite look old."""
    world: World = make_world(WORKER_ENVOY__SCOPES=json.dumps([*WITHOUT_READING, "invites.read"]))
    world.context.__dict__["any_database"] = Database(
        database_url, clock=lambda: datetime.now(UTC) + timedelta(minutes=10)
    )
    world.connect()
    doubt(world, "drop_after_share")
    world.execute("UPDATE delivery SET next_attempt_at = :past", past=text_of(datetime.now(UTC)))

    assert world.reconcile().counts["sent"] == 1


def test_what_is_not_wanted_any_more_is_found_first_and_then_removed(world: World) -> None:
    """A withdrawal while in doubt leaves nothing behind in Envoy."""
    doubt(world, "drop_after_share")
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")
    world.make_looks_due()

    world.reconcile()
    world.push()

    assert (names(world), world.delivery()["status"]) == ([], "withdrawn")


def test_a_row_that_was_interrupted_three_times_is_set_aside(world: World) -> None:
    """It may be what ends the process; a person retries it, and then it counts again."""
    doubt(world, "drop_before_share")
    world.execute("UPDATE delivery SET interruptions = 3 WHERE external_id = 'v-1'")

    assert world.look_to_the_end()["rejected"] == 1

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("rejected", "interrupted_repeatedly")
    assert delivery["interruptions"] == 0


def test_a_late_answer_settles_a_row_that_was_not_found(world: World) -> None:
    """No look saw it, it is due again; then its answer comes after all, before anybody sent it again."""
    doubt(world, "drop_before_share")
    world.look_to_the_end()
    assert world.delivery()["status"] == "pending"

    late_answer(world, "40009999")

    assert (world.delivery()["status"], world.delivery()["envoy_invite_id"]) == ("sent", "40009999")


def test_a_marker_tells_our_invite_from_an_equal_one(make_world: Any) -> None:
    """With it, an invite made by hand is no reason to ask a person."""
    world: World = make_world(
        WORKER_RECONCILE__MARKER="true",
        WORKER_ENVOY__SCOPES=json.dumps([*WITHOUT_READING, "invites.read"]),
    )
    world.connect()
    doubt(world, "drop_after_share", notes="with a dog")
    in_envoy(world)
    world.make_looks_due()

    world.reconcile()

    ours = next(one for one in world.sandbox.invites() if one["id"] == world.delivery()["envoy_invite_id"])
    assert ours["notes"].startswith("with a dog ref:")


def test_an_id_that_another_row_has_is_for_a_person(world: World) -> None:
    """Envoy answered a create with the id of another invite: no look could tell more than that."""
    doubt(world, "drop_before_share")
    known = world.delivery("known")["envoy_invite_id"]

    late_answer(world, known)

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "id_taken")
    assert delivery["next_attempt_at"] is None
