"""Push: what Envoy gets, and what is stored, in the main cases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.world import World
from worker.errors import ExitCode
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json

SOON = datetime.now(UTC) + timedelta(days=2)


def test_a_pending_invite_is_created_once(world: World) -> None:
    """A row of five columns becomes one invite in Envoy; a second push sends nothing."""
    world.add()

    first, second = world.push(), world.push()

    assert first.counts["sent"] == 1
    assert not second.did_something
    (invite,) = world.sandbox.invites()
    assert world.delivery()["envoy_invite_id"] == invite["id"]
    assert world.delivery()["status"] == "sent"
    assert world.delivery()["sent_revision"] == world.delivery()["revision"]


def test_what_envoy_gets_is_what_the_caller_wrote(world: World) -> None:
    """Names are resolved to ids, times go out in UTC, and the mail switch is always explicit."""
    world.add(
        invitee_name="Ann Example",
        invitee_email="ann@example.com",
        flow="  interVIEW ",
        expected_arrival_at="2031-05-01T10:00:00+02:00",
        expected_departure_at="2031-05-01T11:30:00+02:00",
        notes="ref 17",
    )

    world.push()

    (invite,) = world.sandbox.invites()
    assert invite["expectedArrivalAt"] == "2031-05-01T08:00:00Z"
    assert invite["expectedDepartureAt"] == "2031-05-01T09:30:00Z"
    assert invite["invitee"] == {"name": "Ann Example", "email": "ann@example.com"}
    assert invite["sendEmailToInvitee"] is False
    assert invite["notes"] == "ref 17"
    names = {flow["envoy_id"]: flow["name"] for flow in world.rows("SELECT envoy_id, name FROM flow")}
    assert names[invite["flowId"]] == "Interview"


def test_a_change_becomes_one_update_of_what_changed(world: World) -> None:
    """Two changes before a push are one update, and a change back to what Envoy has makes no call."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.execute("UPDATE invite SET notes = 'c'")

    assert world.push().counts["updated"] == 1
    assert world.sandbox.invites()[0]["notes"] == "c"

    world.execute("UPDATE invite SET notes = 'd'")
    world.execute("UPDATE invite SET notes = 'c'")
    world.push()

    assert len(world.sandbox.ledger()["updates"]) == 1
    assert world.delivery()["status"] == "sent"
    assert world.delivery()["sent_revision"] == world.delivery()["revision"] == 5


def test_an_invite_that_is_not_wanted_is_removed_and_can_come_back(world: World) -> None:
    """Not wanted removes it from Envoy; wanted again makes a new invite with a new id."""
    world.add()
    world.push()
    first_id = world.delivery()["envoy_invite_id"]
    world.execute("UPDATE invite SET wanted = 'absent'")

    assert world.push().counts["withdrawn"] == 1
    assert world.sandbox.invites() == []
    assert world.delivery()["status"] == "withdrawn"
    assert world.delivery()["envoy_invite_id"] is None

    world.execute("UPDATE invite SET wanted = 'present'")
    world.push()

    assert world.delivery()["envoy_invite_id"] not in {None, first_id}
    assert len(world.sandbox.ledger()["creates"]) == 2


def test_what_was_never_sent_is_withdrawn_without_a_call(world: World) -> None:
    """An invite that is called off before it was sent never goes out."""
    world.add(wanted="absent")

    world.push()

    assert world.delivery()["status"] == "withdrawn"
    assert world.attempts() == []


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"location": "Berln"}, "location_unknown"),
        ({"location": "Old Warehouse"}, "location_disabled"),
        ({"location": None}, "location_missing"),
        ({"flow": "Intervieww"}, "flow_unknown"),
        ({"host_email": "host@example.com"}, "host_lookup_not_permitted"),
    ],
)
def test_what_cannot_be_resolved_is_rejected_before_any_call(
    world: World, columns: dict[str, Any], code: str
) -> None:
    """A wrong name costs Envoy no create; the row says which name is near."""
    world.add(**columns)

    report = world.push()

    assert report.counts["rejected"] == 1
    assert ExitCode.REJECTED in report.troubles
    assert world.delivery()["error_code"] == code
    assert world.attempts() == []


def test_a_host_is_found_by_the_exact_email(make_world: MakeWorld) -> None:
    """Envoy's filter finds parts of addresses; only the whole one, in any case, is the host."""
    scopes = '["locations.read", "flows.read", "invites.write", "employees.read", "token.refresh"]'
    world = make_world(WORKER_ENVOY__SCOPES=scopes)
    world.connect()
    world.sandbox.add_employee("Host", "ann@example.com", location_ids=["100002"])
    world.sandbox.add_employee("Other", "joann@example.com", location_ids=["100002"])
    world.add("found", host_email="ANN@example.com")
    world.add("lost", host_email="nn@example.com")

    world.push()

    assert world.sandbox.invites()[0]["host"]["email"] == "ann@example.com"
    assert world.delivery("lost")["error_code"] == "host_unknown"


def test_a_rejection_names_the_nearest_location(world: World) -> None:
    """The operator sees what the caller probably meant."""
    world.add(location="Berln")

    world.push()

    assert "Berlin" in world.delivery()["error_detail"]


def test_an_unknown_name_makes_the_directory_be_read_once_more(world: World) -> None:
    """A location that Envoy got after the last refresh is found; one that it never had costs one read."""
    world.sandbox.add_location("Oslo", timezone="Europe/Oslo")
    world.add("v-1", location="Oslo")
    for number in range(20):
        world.add(f"bad-{number}", location="Nowhere")
    reads_before = world.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"]

    report = world.push()

    assert report.counts["sent"] == 1
    assert report.counts["rejected"] == 20
    assert world.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"] == reads_before + 1


def test_a_name_that_cannot_be_looked_up_waits_and_delays_no_other_row(world: World) -> None:
    """While the directory cannot be read anew, its row is neither rejected nor in anybody's way."""
    world.add("v-1", location="Oslo")
    world.add("v-2")
    world.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/locations"))

    report = world.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert world.delivery("v-1")["status"] == "pending"
    assert world.delivery("v-2")["status"] == "sent"


def test_a_visit_that_is_over_expires(world: World) -> None:
    """What was over before it could be created is not created; one that is not over yet is."""
    yesterday = datetime.now(UTC) - timedelta(days=2)
    world.add("over", expected_arrival_at=yesterday.isoformat())
    world.add("later", expected_arrival_at=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())

    report = world.push()

    assert report.counts["expired"] == 1
    assert world.delivery("over")["status"] == "expired"
    assert world.delivery("later")["status"] == "sent"


def test_envoys_refusal_rejects_the_row_and_the_others_go_on(world: World) -> None:
    """A 404 for one invite is that invite's; it is stored with its code, and not tried again."""
    world.add("bad", host_employee_id="999999")
    world.add("good")

    report = world.push()

    assert (report.counts["sent"], report.counts["rejected"]) == (1, 1)
    assert world.delivery("bad")["error_code"] == "not_found"
    assert not world.push().did_something


def test_a_caller_can_mend_a_rejected_row(world: World) -> None:
    """Changing the row makes it pending again, and clears the error."""
    world.add(location="Berln")
    world.push()

    world.execute("UPDATE invite SET location = 'Berlin'")
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.delivery()["error_code"] is None


def test_throttling_holds_the_connection_and_burns_no_attempt(world: World) -> None:
    """A 429 defers its row and stops the connection until the time that Envoy names."""
    for number in range(30):
        world.add(f"v-{number}")
    world.sandbox.set_faults(Faults(error_429_share=1.0, retry_after="120"))

    report = world.push()

    assert report.counts["sent"] == 0
    assert ExitCode.TRY_LATER in report.troubles
    assert report.counts["deferred"] <= 8, "no more than were in flight"
    (connection,) = world.rows("SELECT * FROM connection")
    assert connection["hold_reason"] == "rate_limited"
    assert {row["attempts"] for row in world.rows("SELECT attempts FROM delivery")} == {0}

    world.sandbox.set_faults(Faults())
    assert not world.push().counts["sent"], "the hold is still in force"
    world.make_due()
    world.push()
    assert len(world.sandbox.invites()) == 30
    assert world.sandbox.ledger()["duplicates"] == []


@pytest.mark.parametrize(
    "fault", ["commit_then_500_share", "drop_after_share", "garbage_share", "no_id_share", "truncate_share"]
)
def test_a_doubtful_create_is_unknown_and_never_sent_again(world: World, fault: str) -> None:
    """When Envoy acted but its answer is lost or strange, the invite is left alone."""
    world.add()
    world.sandbox.set_faults(faults_from_json({fault: 1.0}))

    report = world.push()
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()

    assert report.counts["unknown"] == 1
    assert world.delivery()["status"] == "unknown"
    assert len(world.sandbox.invites()) == 1


def test_a_doubtful_update_is_repeated(world: World) -> None:
    """Doing an update twice leaves Envoy as doing it once, so it simply comes again."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.sandbox.set_faults(Faults(drop_after_share=1.0))

    assert world.push().counts["deferred"] == 1
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.sandbox.invites()[0]["notes"] == "b"


def test_envoy_away_defers_without_burning_attempts(world: World) -> None:
    """What cannot be connected to was not sent: it waits, the connection is held, nothing is unknown."""
    world.add()
    world.sandbox.stop()

    report = world.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert world.delivery()["status"] == "pending"
    assert world.delivery()["attempts"] == 0


def test_a_page_of_html_with_status_200_is_no_success(world: World) -> None:
    """A proxy's page is not an invite: the create is doubtful."""
    world.add()
    world.sandbox.set_faults(Faults(html_200=True))

    world.push()

    assert world.delivery()["status"] == "unknown"
    assert world.delivery()["error_code"] == "bad_answer"


def test_twins_are_never_in_doubt_together(world: World) -> None:
    """While a create is unknown, a row of equal content waits, for a look-up could not tell them apart."""
    arrival = SOON.isoformat()
    world.add("one", invitee_name="Ann", expected_arrival_at=arrival)
    world.sandbox.set_faults(Faults(drop_after_share=1.0))
    world.push()
    world.sandbox.set_faults(Faults())
    world.add("two", invitee_name="ANN ", expected_arrival_at=arrival)

    report = world.push()

    assert not report.did_something
    assert world.delivery("two")["status"] == "pending"
    assert len(world.sandbox.invites()) == 1


@pytest.mark.parametrize("sandbox_scopes", [("locations.read", "flows.read", "token.refresh")])
def test_three_403_in_a_row_hold_the_connection(world: World) -> None:
    """Without a success between them it is the connection's trouble, and no row is rejected for it."""
    for number in range(5):
        world.add(f"v-{number}")

    world.push()

    (connection,) = world.rows("SELECT * FROM connection")
    assert connection["hold_reason"] == "forbidden"
    assert {row["status"] for row in world.rows("SELECT status FROM delivery")} == {"pending"}


def test_a_dead_grant_stops_its_connection_and_no_other(world: World) -> None:
    """Its invites stay pending and burn no attempt; the operator is told which command mends it."""
    world.add()
    world.sandbox.revoke("10000")
    world.sandbox.expire_access_tokens()

    report = world.push()

    (connection,) = world.rows("SELECT * FROM connection")
    assert connection["status"] == "needs_authorisation"
    assert ExitCode.NEEDS_AUTHORISATION in report.troubles
    assert world.delivery()["status"] == "pending"
    assert world.delivery()["attempts"] == 0


def test_an_expired_token_is_renewed_once_and_the_invites_go_out(world: World) -> None:
    """A 401 in the middle of a push costs one refresh, whoever sees it first."""
    for number in range(40):
        world.add(f"v-{number}")
    world.sandbox.expire_access_tokens()

    report = world.push()

    assert report.counts["sent"] == 40
    ledger = world.sandbox.ledger()
    assert ledger["refreshes"] == 1
    assert ledger["refresh_token_reuse"] == 0
    assert ledger["duplicates"] == []


def test_a_connection_that_does_not_exist_is_noted_on_its_rows(world: World) -> None:
    """The row waits, and says why; once the connection is there it goes out."""
    world.add(connection="nobody")

    world.push()

    assert world.delivery()["status"] == "pending"
    assert world.delivery()["error_code"] == "connection_unknown"


def test_a_limit_bounds_the_pass(world: World) -> None:
    """No more rows are handled than asked for."""
    for number in range(10):
        world.add(f"v-{number}")

    world.push(limit=3)

    assert len(world.sandbox.invites()) == 3


def test_the_ledger_names_each_request_that_envoy_got(world: World) -> None:
    """Every create that Envoy saw belongs to one attempt of ours, by its X-Request-Id."""
    for number in range(5):
        world.add(f"v-{number}")

    world.push()

    seen = {create["request_id"] for create in world.sandbox.ledger()["creates"]}
    assert seen == {attempt["id"] for attempt in world.attempts()}
    assert {attempt["verdict"] for attempt in world.attempts()} == {"sent"}


def test_the_pace_of_a_connection_is_kept(make_world: MakeWorld) -> None:
    """At ten a second, eleven invites take one second, however many senders there are."""
    world = make_world(WORKER_PUSH__RATE_PER_SECOND="10")
    world.connect()
    for number in range(11):
        world.add(f"v-{number}")

    began = datetime.now(UTC)
    world.push()

    assert datetime.now(UTC) - began >= timedelta(seconds=0.95)
    assert len(world.sandbox.invites()) == 11
