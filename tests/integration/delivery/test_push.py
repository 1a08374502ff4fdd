"""Push: what Envoy gets, and what is stored, in the main cases."""

from datetime import UTC, datetime, timedelta

from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox


def test_a_pending_invite_is_created_once(worker: WorkerWithSandbox) -> None:
    """A row of five columns becomes one invite in Envoy; a second push sends nothing."""
    worker.add()

    first, second = worker.push(), worker.push()

    assert first.counts["sent"] == 1
    assert not second.did_something
    (invite,) = worker.sandbox.invites()
    assert worker.delivery()["envoy_invite_id"] == invite["id"]
    assert worker.delivery()["status"] == "sent"
    assert worker.delivery()["sent_revision"] == worker.delivery()["revision"]


def test_what_envoy_gets_is_what_the_caller_wrote(worker: WorkerWithSandbox) -> None:
    """Names are resolved to ids, times go out in UTC, and the mail switch is always explicit."""
    worker.add(
        invitee_name="Ann Example",
        invitee_email="ann@example.com",
        flow="  interVIEW ",
        expected_arrival_at="2031-05-01T10:00:00+02:00",
        expected_departure_at="2031-05-01T11:30:00+02:00",
        notes="ref 17",
    )

    worker.push()

    (invite,) = worker.sandbox.invites()
    assert invite["expectedArrivalAt"] == "2031-05-01T08:00:00Z"
    assert invite["expectedDepartureAt"] == "2031-05-01T09:30:00Z"
    assert invite["invitee"] == {"name": "Ann Example", "email": "ann@example.com"}
    assert invite["sendEmailToInvitee"] is False
    assert invite["notes"] == "ref 17"
    names = {flow["envoy_id"]: flow["name"] for flow in worker.rows("SELECT envoy_id, name FROM flow")}
    assert names[invite["flowId"]] == "Interview"


def test_a_change_becomes_one_update_of_what_changed(worker: WorkerWithSandbox) -> None:
    """Two changes before a push are one update, and a change back to what Envoy has makes no call."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    worker.execute("UPDATE invite SET notes = 'c'")

    assert worker.push().counts["updated"] == 1
    assert worker.sandbox.invites()[0]["notes"] == "c"

    worker.execute("UPDATE invite SET notes = 'd'")
    worker.execute("UPDATE invite SET notes = 'c'")
    worker.push()

    assert len(worker.sandbox.ledger()["updates"]) == 1
    assert worker.delivery()["status"] == "sent"
    assert worker.delivery()["sent_revision"] == worker.delivery()["revision"] == 5


def test_an_invite_that_is_not_wanted_is_removed_and_can_come_back(worker: WorkerWithSandbox) -> None:
    """Not wanted removes it from Envoy; wanted again makes a new invite with a new id."""
    worker.add()
    worker.push()
    first_id = worker.delivery()["envoy_invite_id"]
    worker.execute("UPDATE invite SET wanted = 'absent'")

    assert worker.push().counts["withdrawn"] == 1
    assert worker.sandbox.invites() == []
    assert worker.delivery()["status"] == "withdrawn"
    assert worker.delivery()["envoy_invite_id"] is None

    worker.execute("UPDATE invite SET wanted = 'present'")
    worker.push()

    assert worker.delivery()["envoy_invite_id"] not in {None, first_id}
    assert len(worker.sandbox.ledger()["creates"]) == 2


def test_what_was_never_sent_is_withdrawn_without_a_call(worker: WorkerWithSandbox) -> None:
    """An invite that is called off before it was sent never goes out."""
    worker.add(wanted="absent")

    worker.push()

    assert worker.delivery()["status"] == "withdrawn"
    assert worker.attempts() == []


def test_a_visit_that_is_over_expires(worker: WorkerWithSandbox) -> None:
    """What was over before it could be created is not created; one that is not over yet is."""
    yesterday = datetime.now(UTC) - timedelta(days=2)
    worker.add("over", expected_arrival_at=yesterday.isoformat())
    worker.add("later", expected_arrival_at=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())

    report = worker.push()

    assert report.counts["expired"] == 1
    assert worker.delivery("over")["status"] == "expired"
    assert worker.delivery("later")["status"] == "sent"


def test_a_limit_bounds_the_pass(worker: WorkerWithSandbox) -> None:
    """No more rows are handled than asked for."""
    for number in range(10):
        worker.add(f"v-{number}")

    worker.push(limit=3)

    assert len(worker.sandbox.invites()) == 3


def test_the_ledger_names_each_request_that_envoy_got(worker: WorkerWithSandbox) -> None:
    """Every create that Envoy saw belongs to one attempt of ours, by its X-Request-Id."""
    for number in range(5):
        worker.add(f"v-{number}")

    worker.push()

    seen = {create["request_id"] for create in worker.sandbox.ledger()["creates"]}
    assert seen == {attempt["id"] for attempt in worker.attempts()}
    assert {attempt["verdict"] for attempt in worker.attempts()} == {"sent"}


def test_the_pace_of_a_connection_is_kept(make_worker: MakeWorker) -> None:
    """At ten a second, eleven invites take one second, however many senders there are."""
    worker = make_worker(WORKER_PUSH__RATE_PER_SECOND="10")
    worker.connect()
    for number in range(11):
        worker.add(f"v-{number}")

    began = datetime.now(UTC)
    worker.push()

    assert datetime.now(UTC) - began >= timedelta(seconds=0.95)
    assert len(worker.sandbox.invites()) == 11
