"""After a restore the database does not know what was sent since: each create is looked up first."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.doubtful_creates import ARRIVAL, WITHOUT_READING, doubt, in_envoy
from tests.integration.delivery.restored_database import (
    forget,
    made,
    sent_since,
    settle,
    standing,
    there,
    waiting,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.preview import preview
from worker.failpoints import armed
from worker.invites import moves, restored, store


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


def creates(worker: WorkerWithSandbox) -> list[str]:
    """Return the ids of the requests to create that the worker's ledger has."""
    return sorted(line["id"] for line in worker.attempts() if line["kind"] == "create")


def seen(worker: WorkerWithSandbox) -> list[str]:
    """Return the ids of the requests to create that Envoy saw."""
    return sorted(one["request_id"] for one in worker.sandbox.ledger()["creates"])


def test_what_was_sent_since_the_backup_is_found(worker: WorkerWithSandbox) -> None:
    """It is in doubt without a request, looked up once, and sent under the id that Envoy gave it then."""
    sent_since(worker)
    (envoys,) = there(worker)
    worker.begin_restored()

    report = worker.push()
    assert report.counts["unknown"] == 1
    assert standing(worker) == ("unknown", "restored")
    assert [line for line in worker.attempts() if line["delivery_id"] == worker.delivery()["id"]] == []

    worker.make_looks_due()
    assert worker.reconcile().counts["sent"] == 1
    worker.push()

    assert standing(worker) == ("sent", None)
    assert worker.delivery()["envoy_invite_id"] == envoys["id"]
    assert made(worker) == 1


def test_however_old_it_is(worker: WorkerWithSandbox) -> None:
    """What Envoy has may be older than anything the database knows: when it was made excludes nothing."""
    sent_since(worker)
    worker.execute("UPDATE invite SET created_at = '2099-01-01T00:00:00.000Z' WHERE external_id = 'v-1'")
    worker.begin_restored()
    worker.push()
    worker_rows.doubt_since(worker, "2099-01-01T00:00:00.000Z")

    worker.look_to_the_end()
    worker.push()

    assert (standing(worker), made(worker)) == (("sent", None), 1)


def test_what_it_is_found_as_is_made_what_the_row_says(worker: WorkerWithSandbox) -> None:
    """It was changed since the backup, and that is lost: all of the row is sent, and no second mail."""
    sent_since(worker, notes="old", send_email=True, invitee_email="v@example.com")
    (envoys,) = there(worker)
    token, newer = worker.context.tokens.access(1).value, {"notes": "newer", "sendEmailToInvitee": False}
    worker.context.api.update_invite(token, envoys["id"], newer, request_id="since")
    worker.begin_restored()

    settle(worker)

    (envoys,) = there(worker)
    assert (envoys["notes"], standing(worker)[0], made(worker)) == ("old", "sent", 1)
    assert [mail["name"] for mail in worker.sandbox.ledger()["mails"]] == ["Visitor v-1"]


def test_what_was_not_sent_is_created_after_the_last_look(worker: WorkerWithSandbox) -> None:
    """Only the whole schedule of looks proves it; and each request has its line of the ledger."""
    waiting(worker)
    worker.begin_restored()
    worker.push()
    looks = len(worker.context.settings.reconcile.look_up_after)
    for _ in range(looks):
        assert standing(worker)[0] == "unknown"
        assert worker.push().counts["sent"] == 0
        worker.make_looks_due()
        worker.reconcile()
    assert standing(worker) == ("pending", None)

    assert worker.push().counts["sent"] == 1

    assert (standing(worker), made(worker)) == (("sent", None), 1)
    assert creates(worker) == seen(worker)


def test_what_is_fed_after_the_restore_is_looked_up_too(worker: WorkerWithSandbox) -> None:
    """The caller feeds again what the backup lacks: Envoy has it."""
    sent_since(worker)
    forget(worker)
    worker.execute("DELETE FROM invite WHERE external_id = 'v-1'")
    worker.begin_restored()
    waiting(worker)
    waiting(worker, "v-2")

    settle(worker)

    assert [(standing(worker, key), made(worker, key)) for key in ("v-1", "v-2")] == [(("sent", None), 1)] * 2


def test_another_visit_than_was_looked_for_is_looked_up_again(worker: WorkerWithSandbox) -> None:
    """The caller changes the name after the last look: of that visit nothing was seen yet."""
    sent_since(worker, "v-2", invitee_email="v-2@example.com")
    by_mistake = "invitee_name = 'Visitor v-1', invitee_email = 'v-1@example.com'"
    worker.execute(f"UPDATE invite SET {by_mistake} WHERE external_id = 'v-2'")  # noqa: S608
    worker.begin_restored()
    worker.push()
    worker.look_to_the_end()
    assert standing(worker, "v-2")[0] == "pending"

    right = "invitee_name = 'Visitor v-2', invitee_email = 'v-2@example.com'"
    worker.execute(f"UPDATE invite SET {right} WHERE external_id = 'v-2'")  # noqa: S608
    assert worker.push().counts["unknown"] == 1
    settle(worker)

    assert (standing(worker, "v-2"), made(worker, "v-2")) == (("sent", None), 1)


def test_a_change_of_the_notes_alone_needs_no_other_look(worker: WorkerWithSandbox) -> None:
    """It is the same visit."""
    waiting(worker, notes="a")
    worker.begin_restored()
    worker.push()
    worker.look_to_the_end()

    worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")

    assert worker.push().counts["sent"] == 1


def test_what_is_not_wanted_any_more_is_looked_up_and_removed(worker: WorkerWithSandbox) -> None:
    """It was sent since the backup; without a look it would stay in Envoy."""
    sent_since(worker)
    waiting(worker, "v-2")
    worker.begin_restored()
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id IN ('v-1', 'v-2')")

    settle(worker)

    assert [standing(worker, key)[0] for key in ("v-1", "v-2")] == ["withdrawn"] * 2
    assert (there(worker), made(worker, "v-2")) == ([], 0)


def test_what_is_gone_in_envoy_is_looked_up_before_it_is_made_anew(
    recreating_worker: WorkerWithSandbox,
) -> None:
    """It was removed and made again since the backup: under another id it is there."""
    worker = recreating_worker
    worker.add("known", expected_arrival_at=ARRIVAL.isoformat())
    waiting(worker)
    worker.push()
    worker.sandbox.delete_invite(worker.delivery()["envoy_invite_id"])
    again = in_envoy(worker)
    worker.begin_restored()
    worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")

    settle(worker)

    assert worker.delivery()["envoy_invite_id"] == again
    assert [one["notes"] for one in there(worker)] == ["b"]


def test_two_of_equal_content_take_one_each(worker: WorkerWithSandbox) -> None:
    """Both were sent since the backup: one is looked up at a time, and a person tells them apart."""
    for key in ("v-1", "v-2"):
        waiting(worker, key, invitee_name="Twin")
    worker.push()
    for key in ("v-1", "v-2"):
        forget(worker, key)
    worker.begin_restored()

    settle(worker)

    assert sorted(standing(worker, key)[0] for key in ("v-1", "v-2")) == ["pending", "unknown"]
    assert sum(one["name"] == "Twin" for one in worker.sandbox.ledger()["creates"]) == 2


def test_nothing_that_was_planned_before_is_created(worker: WorkerWithSandbox) -> None:
    """The operator types it while a worker has a create in hand: its claim is refused."""
    sent_since(worker)

    with armed("before_claim", action=worker.begin_restored):
        worker.push()
    assert made(worker) == 1
    settle(worker)

    assert (standing(worker), made(worker)) == (("sent", None), 1)


def test_a_backup_of_such_a_time_begins_anew(worker: WorkerWithSandbox) -> None:
    """What a look has seen was before the second restore: it is void."""
    waiting(worker)
    worker.begin_restored()
    worker.push()
    worker.look_to_the_end()
    in_envoy(worker)  # as it was sent, after the backup

    again = worker.begin_restored()
    settle(worker)

    assert again.before is not None
    assert (standing(worker), made(worker)) == (("sent", None), 1)


def test_what_was_in_doubt_already_is_looked_up_from_the_first_look(worker: WorkerWithSandbox) -> None:
    """Three looks found nothing, then came the backup, a fourth look, and the create."""
    doubt(worker, "drop_before_share")
    for _ in range(3):
        worker.make_looks_due()
        worker.reconcile()
    in_envoy(worker)

    worker.begin_restored()
    assert (standing(worker)[0], worker.delivery()["look_ups"]) == ("unknown", 0)
    settle(worker)

    assert (standing(worker), len(there(worker))) == (("sent", None), 1)


def test_what_was_on_its_way_is_created_after_its_looks(worker: WorkerWithSandbox) -> None:
    """It is in doubt by its attempt, and its looks count for what was sent since as well."""
    doubt(worker, "drop_before_share")
    worker.begin_restored()

    settle(worker)

    assert (standing(worker), len(there(worker))) == (("sent", None), 1)
    assert made(worker) == 1


def test_what_was_being_sent_is_recovered_and_then_looked_up(worker: WorkerWithSandbox) -> None:
    """Its worker's intent is all that the backup has: it may have been sent, and changed since."""
    doubt(worker, "drop_after_share", notes="a")
    worker_rows.abandon_attempt(worker, "v-1")
    (envoys,) = there(worker)
    token = worker.context.tokens.access(1).value
    worker.context.api.update_invite(token, envoys["id"], {"notes": "since"}, request_id="since")
    worker.begin_restored()

    settle(worker)

    assert (standing(worker), made(worker)) == (("sent", None), 1)
    assert [one["notes"] for one in there(worker)] == ["a"]


def test_no_old_refresh_token_is_posted_whatever_envoy_answers(worker: WorkerWithSandbox) -> None:
    """Envoy takes the old access token no more: the customer must authorise again, and then all goes on."""
    sent_since(worker)
    worker.begin_restored()
    worker.sandbox.expire_access_tokens()

    worker.push()
    worker.make_looks_due()
    worker.reconcile()
    assert worker.rows("SELECT status, status_reason FROM connection") == [
        {"status": "needs_authorisation", "status_reason": "restored"}
    ]
    assert worker.sandbox.ledger()["refreshes"] == 0

    worker.connect()
    settle(worker)
    assert (standing(worker), made(worker)) == (("sent", None), 1)


def test_what_is_near_may_be_another_rows(worker: WorkerWithSandbox) -> None:
    """At the same place and minute is a visit that is fed again only later: it is waited for."""
    sent_since(worker, "v-2")
    worker.execute("DELETE FROM invite WHERE external_id = 'v-2'")
    waiting(worker)
    worker.begin_restored()
    worker.push()
    worker.look_to_the_end()
    assert standing(worker) == ("unknown", "look_up_near")
    assert worker.delivery()["next_attempt_at"] is not None

    waiting(worker, "v-2")
    settle(worker)

    assert [(standing(worker, key), made(worker, key)) for key in ("v-1", "v-2")] == [(("sent", None), 1)] * 2


def test_what_stays_near_is_for_a_person(worker: WorkerWithSandbox) -> None:
    """Somebody made it by hand, or nobody feeds it again: after ten looks more a person is asked."""
    in_envoy(worker, invitee={"name": "Somebody"})
    waiting(worker)
    worker.begin_restored()
    worker.push()

    for _ in range(4):
        worker.look_to_the_end()

    assert standing(worker) == ("unknown", "look_up_near")
    assert worker.delivery()["next_attempt_at"] is None


def test_the_mode_can_end(worker: WorkerWithSandbox) -> None:
    """What is in doubt by then is looked up all the same; everything else is sent as ever."""
    sent_since(worker)
    worker.begin_restored()
    worker.push()
    waiting(worker, "v-2")

    left = restored.end(worker.context.database)
    assert left == restored.Open(waiting=1, doubtful=1)
    assert worker.push().counts["sent"] == 1
    worker.look_to_the_end()
    worker.push()

    assert [made(worker, key) for key in ("v-1", "v-2")] == [1, 1]
    assert standing(worker) == ("sent", None)
    assert restored.end(worker.context.database) is None


def test_a_rehearsal_says_so(worker: WorkerWithSandbox) -> None:
    """Its fate is a look, by the database alone."""
    sent_since(worker)
    worker.begin_restored()

    (fate,) = preview(worker.context.database, only=None, limit=None, longest_wait=900)

    assert (fate.external_id, fate.fate, fate.why) == ("v-1", "look_up", "restored")


def test_releases_that_do_not_know_the_mode_are_barred(worker: WorkerWithSandbox) -> None:
    """They would send in it; when it is over, they may be put back as before."""
    query = "SELECT revision FROM schema_compatibility ORDER BY revision"
    fit = worker.rows(query)

    worker.begin_restored()
    worker.begin_restored()
    barred = worker.rows(query)
    restored.end(worker.context.database)

    let_in = {row["revision"] for row in fit}
    older = {revision for revision in let_in if revision < restored.FIRST_TO_KNOW}
    assert "0005" in older
    assert let_in & {row["revision"] for row in barred} == let_in - older
    assert worker.rows(query) == fit


@pytest.fixture
def worker_without_reading(make_worker: Any) -> WorkerWithSandbox:
    """Give a worker whose customer does not let us read invites."""
    made_worker: WorkerWithSandbox = make_worker()
    made_worker.connect()
    return made_worker


@pytest.mark.parametrize("sandbox_scopes", [WITHOUT_READING])
def test_without_the_right_to_look_a_person_does(worker_without_reading: WorkerWithSandbox) -> None:
    """Nothing is created before somebody has said what Envoy has; then it is, or is taken over."""
    sent_since(worker_without_reading)
    waiting(worker_without_reading, "v-2")
    (envoys,) = there(worker_without_reading)
    worker_without_reading.begin_restored()
    with capture_logs() as logs:
        worker_without_reading.push()
        worker_without_reading.push()
    told = [log for log in logs if log["event"] == "invite.unknown"]
    assert [(one["error_code"], one["log_level"]) for one in told] == [("restored", "error")] * 2
    assert "invites resolve acme/v-1" in told[0]["hint"]
    database = worker_without_reading.context.database

    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=envoys["id"])
    moves.resolve(database, store.require(database, "acme/v-2"), envoy_invite_id=None)
    worker_without_reading.push()

    assert [
        (standing(worker_without_reading, key), made(worker_without_reading, key)) for key in ("v-1", "v-2")
    ] == [(("sent", None), 1)] * 2
