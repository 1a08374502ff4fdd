"""Push: what Envoy gets, and what is stored, in the main cases."""

from datetime import UTC, datetime, timedelta

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.world import World


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


def test_a_visit_that_is_over_expires(world: World) -> None:
    """What was over before it could be created is not created; one that is not over yet is."""
    yesterday = datetime.now(UTC) - timedelta(days=2)
    world.add("over", expected_arrival_at=yesterday.isoformat())
    world.add("later", expected_arrival_at=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())

    report = world.push()

    assert report.counts["expired"] == 1
    assert world.delivery("over")["status"] == "expired"
    assert world.delivery("later")["status"] == "sent"


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
