"""What became of a doubtful create is read in Envoy, and only that settles it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from tests.integration.delivery.world import World
from tests.unit.delivery.making import due_row
from worker.delivery.claim import Claim
from worker.delivery.deciding import Schedule
from worker.delivery.doubts import due_doubts
from worker.delivery.look_ups import LookUps
from worker.delivery.outcomes import Outcome
from worker.delivery.preview import Fate, preview
from worker.delivery.verdicts import BackOff, Verdicts
from worker.invites import Status, Verdict
from worker.sandbox import Faults, Sandbox
from worker.sandbox.faults import faults_from_json

ARRIVAL = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
WITHOUT_READING = ("locations.read", "flows.read", "invites.write", "token.refresh")


@pytest.fixture
def world(reading_world: World) -> Iterator[World]:
    """Give a world with one invite that Envoy is known to have."""
    reading_world.add("known", expected_arrival_at=(ARRIVAL + timedelta(days=1)).isoformat())
    reading_world.push()
    with structlog.testing.capture_logs():
        yield reading_world


def doubt(world: World, fault: str, **columns: Any) -> None:
    """Leave one create in doubt: executed (``drop_after_share``) or not (``drop_before_share``)."""
    world.sandbox.set_faults(faults_from_json({fault: 1.0}))
    world.add(expected_arrival_at=ARRIVAL.isoformat(), **columns)
    world.push()
    world.sandbox.set_faults(Faults())
    world.make_due()
    assert world.delivery()["status"] == "unknown"


def in_envoy(world: World, **content: Any) -> str:
    """Create an invite by hand at the same place and time, and return its id."""
    parts = world.parts
    connection_id = world.rows("SELECT id FROM connection")[0]["id"]
    body = {
        "locationId": world.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")[0]["envoy_id"],
        "expectedArrivalAt": ARRIVAL.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sendEmailToInvitee": False,
        "invitee": {"name": "Visitor v-1"},
        **content,
    }
    token = parts.tokens.access(connection_id).value
    return parts.api.create_invite(token, body, request_id="by-hand").id


def names(world: World) -> list[str]:
    """Return the visitors that Envoy has, the known one left out."""
    return sorted(
        one["invitee"]["name"] for one in world.sandbox.invites() if one["invitee"]["name"] != "Visitor known"
    )


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


def test_no_look_is_made_before_its_time(world: World) -> None:
    """Envoy may show an invite late: the first look comes after seconds, and each has its time."""
    doubt(world, "drop_before_share")

    assert world.reconcile().counts["looked_up"] == 0

    world.make_looks_due()
    world.reconcile()
    assert world.reconcile().counts["looked_up"] == 0
    assert world.delivery()["look_ups"] == 1


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


@pytest.mark.parametrize("fault", ["error_500_share", "garbage_share", "truncate_share", "drop_before_share"])
def test_a_look_that_failed_is_no_look(world: World, fault: str) -> None:
    """An answer that is broken shows nothing, and the row waits for the next look."""
    doubt(world, "drop_after_share")
    world.sandbox.set_faults(faults_from_json({fault: 1.0, "only": "GET /v1/invites"}))
    world.make_looks_due()

    report = world.reconcile()

    assert (report.counts["looked_up"], world.delivery()["look_ups"]) == (0, 0)
    assert world.attempts()[-1]["verdict"] == "deferred"
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


def test_what_is_not_wanted_any_more_is_found_first_and_then_removed(world: World) -> None:
    """A withdrawal while in doubt leaves nothing behind in Envoy."""
    doubt(world, "drop_after_share")
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")
    world.make_looks_due()

    world.reconcile()
    world.push()

    assert (names(world), world.delivery()["status"]) == ([], "withdrawn")


def test_a_row_that_was_interrupted_three_times_is_set_aside(world: World) -> None:
    """It may be what ends the process; a person retries it, and then it counts anew."""
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


def late_answer(world: World, envoy_id: str) -> None:
    """Store the verdict of the attempt in doubt, as its process does when it wakes up."""
    database, delivery = world.parts.database, world.delivery()
    row = due_row(
        delivery_id=delivery["id"], fencing_token=delivery["fencing_token"], revision=delivery["revision"]
    )
    claim = Claim(delivery["attempt_id"], row.delivery_id, row.fencing_token, row.revision, 1, 0.0, float)
    outcome = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id=envoy_id, content={})
    Verdicts(database, BackOff(5, 900), first_look=5).store(row, claim, outcome)


def test_a_403_turns_looking_up_off(make_world: Any, sandbox: Sandbox) -> None:
    """Asked for and not granted: Envoy says so once, nobody asks again, and the invite waits for a person."""
    world: World = make_world()
    world.connect()
    world.execute("UPDATE connection SET scopes = scopes || ' invites.read'")
    doubt(world, "drop_after_share")

    world.look_to_the_end()

    assert sandbox.ledger()["by_route"]["GET /v1/invites"] == {"403": 1}
    assert world.delivery()["status"] == "unknown"
    assert not world.rows("SELECT can_read_invites FROM connection")[0]["can_read_invites"]


def test_a_connection_that_asked_for_no_reading_is_passed_over(world: World, sandbox: Sandbox) -> None:
    """It would only be refused."""
    world.execute("UPDATE connection SET scopes = 'locations.read flows.read invites.write'")
    doubt(world, "drop_after_share")

    world.look_to_the_end()

    assert "GET /v1/invites" not in sandbox.ledger()["by_route"]


def test_a_throttled_look_holds_the_connection(world: World, sandbox: Sandbox) -> None:
    """Envoy's limit is one for reads and writes; the look comes later."""
    doubt(world, "drop_after_share")
    sandbox.set_faults(Faults(error_429_share=1.0, retry_after="60", only="GET /v1/invites"))
    world.make_looks_due()

    world.reconcile()

    connection = world.rows("SELECT hold_reason FROM connection")[0]
    assert (connection["hold_reason"], world.delivery()["look_ups"]) == ("rate_limited", 0)


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


def test_two_processes_make_each_look_once(world: World) -> None:
    """The look is taken before it is made; the other process finds nothing to do."""
    doubt(world, "drop_before_share")
    world.make_looks_due()
    doubts = due(world)

    taken = [look_ups(world).take(doubts[0]) for _ in range(2)]

    assert (taken[0] is None, taken[1] is None) == (False, True)


def due(world: World) -> Any:
    """Return the doubts that are due."""
    return due_doubts(world.parts.database, only=None, excluded=(), longest_wait=600, size=9)


def look_ups(world: World) -> Any:
    """Return what takes looks."""
    return LookUps(world.parts.database, Schedule([5.0, 30.0]), least_wait=5, run_id="run-1")


def test_one_customers_doubts_do_not_wait_for_anothers(world: World) -> None:
    """Due doubts come in turn from each connection."""
    world.execute("INSERT INTO connection (name, status, scopes) VALUES ('beta', 'active', 'invites.read')")
    world.add("a-1", expected_arrival_at=ARRIVAL.isoformat())
    world.add("a-2", expected_arrival_at=ARRIVAL.isoformat())
    world.add("b-1", connection="beta", expected_arrival_at=ARRIVAL.isoformat())
    world.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, started_at)"
        " SELECT external_id, id, 'create', 1, 1, created_at FROM delivery WHERE external_id <> 'known'"
    )
    world.execute(
        "UPDATE delivery SET status = 'unknown', attempt_id = external_id, fencing_token = 1,"
        " next_attempt_at = created_at WHERE external_id <> 'known'"
    )

    order = [doubt.external_id for doubt in due(world)]

    assert (order[0:2] in (["a-1", "b-1"], ["b-1", "a-1"]), order[2]) == (True, "a-2")


def test_a_dry_run_names_what_would_be_looked_up(world: World) -> None:
    """And makes no look."""
    doubt(world, "drop_before_share")
    early = list(preview(world.parts.database, only=None, limit=None, longest_wait=600))
    world.make_looks_due()

    fates = list(preview(world.parts.database, only=None, limit=None, longest_wait=600))

    assert early == []
    assert fates == [Fate("acme", "v-1", "look_up", "connection_lost")]
    assert world.delivery()["look_ups"] == 0


def test_a_look_that_a_wrong_clock_put_far_ahead_is_due(world: World) -> None:
    """No look is ever put off by more than ten minutes, so that one in two hours is no look to wait for."""
    doubt(world, "drop_after_share")
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    world.execute("UPDATE delivery SET next_attempt_at = :ahead WHERE status = 'unknown'", ahead=ahead)

    assert world.reconcile().counts["sent"] == 1


def test_an_id_that_another_row_has_is_for_a_person(world: World) -> None:
    """Envoy answered a create with the id of another invite: no look could tell more than that."""
    doubt(world, "drop_before_share")
    known = world.delivery("known")["envoy_invite_id"]

    late_answer(world, known)

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "id_taken")
    assert delivery["next_attempt_at"] is None
