"""Somebody deleted an invite in Envoy by hand, and then its row was changed."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import UsageError
from worker.invites import moves, store

MOVED = "2035-03-01T08:00:00Z"


@pytest.fixture
def recreating_worker(recreating_worker: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give the same, whose worker makes again what is missing in Envoy."""
    recreating_worker.add("known", expected_arrival_at="2035-02-01T08:00:00Z")
    recreating_worker.push()
    return recreating_worker


def change(worker: WorkerWithSandbox, columns: str) -> None:
    """Change the visit."""
    worker.execute(f"UPDATE invite SET {columns} WHERE external_id = 'v-1'")  # noqa: S608


def in_envoy(worker: WorkerWithSandbox) -> list[dict[str, Any]]:
    """Return what Envoy has of the visit."""
    return [one for one in worker.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]


def creates(worker: WorkerWithSandbox) -> int:
    """Return how often the visit was made."""
    return sum(one["name"] == "Visitor v-1" for one in worker.sandbox.ledger()["creates"])


def delete_by_hand(worker: WorkerWithSandbox) -> None:
    """Push one visit, and let somebody delete it in Envoy."""
    worker.add(notes="a")
    worker.push()
    worker.sandbox.delete_invite(worker.delivery()["envoy_invite_id"])


def know_a_place_that_is_gone(worker: WorkerWithSandbox) -> None:
    """Let the stored directory have a location that Envoy has not."""
    (connection,) = worker.rows("SELECT id FROM connection")
    worker_rows.add_location(worker, connection["id"], "999", "Gone")


def test_it_is_reported_and_not_made_anew(worker_with_invite: WorkerWithSandbox) -> None:
    """Anyone who deleted it may have meant it: a person decides, and is told how."""
    delete_by_hand(worker_with_invite)
    change(worker_with_invite, "notes = 'b'")

    with capture_logs() as logs:
        assert worker_with_invite.push().counts["rejected"] == 1

    (event,) = (log for log in logs if log["event"] == "invite.rejected")
    assert event["error_code"] == "gone_in_envoy"
    assert "invites resolve acme/v-1 --resend" in event["hint"]
    assert in_envoy(worker_with_invite) == []


def test_a_person_can_have_it_made_anew(worker_with_invite: WorkerWithSandbox) -> None:
    """The verdict is on record, and the next push makes a new invite in its newest form."""
    delete_by_hand(worker_with_invite)
    change(worker_with_invite, "notes = 'b'")
    worker_with_invite.push()

    moves.resolve(
        worker_with_invite.context.database,
        store.require(worker_with_invite.context.database, "acme/v-1"),
        envoy_invite_id=None,
    )
    worker_with_invite.push()

    (invite,) = in_envoy(worker_with_invite)
    assert (invite["notes"], worker_with_invite.delivery()["envoy_invite_id"]) == ("b", invite["id"])
    kinds = [one["kind"] for one in worker_with_invite.attempts()]
    assert kinds == ["create", "create", "update", "update", "person", "create"]


def test_what_was_refused_for_another_reason_is_not_made_anew(worker: WorkerWithSandbox) -> None:
    """Envoy still has it: a second one would be there twice."""
    worker.add()
    worker.push()
    change(worker, "location = 'Nowhere'")
    worker.push()

    standing = store.require(worker.context.database, "acme/v-1")
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(worker.context.database, standing, envoy_invite_id=None)


@pytest.mark.parametrize("changed", ["notes = 'b'", f"expected_arrival_at = '{MOVED}', location = 'London'"])
def test_a_setting_makes_it_anew_in_the_same_run(recreating_worker: WorkerWithSandbox, changed: str) -> None:
    """Even where the 404 might have spoken of the location: that is asked first."""
    recreating_worker.sandbox.add_location("London")
    delete_by_hand(recreating_worker)
    change(recreating_worker, changed)

    counts = recreating_worker.push().counts

    (invite,) = in_envoy(recreating_worker)
    assert counts["sent"] == 1
    assert (recreating_worker.delivery()["status"], recreating_worker.delivery()["envoy_invite_id"]) == (
        "sent",
        invite["id"],
    )
    assert creates(recreating_worker) == 2


def test_a_missing_location_is_no_missing_invite(recreating_worker: WorkerWithSandbox) -> None:
    """Envoy has the invite, and not the place that it is moved to: it keeps its id, and is not doubled."""
    recreating_worker.add(notes="a")
    recreating_worker.push()
    know_a_place_that_is_gone(recreating_worker)
    change(recreating_worker, "location = 'Gone', notes = 'b'")

    assert recreating_worker.push().counts["rejected"] == 1

    (invite,) = in_envoy(recreating_worker)
    assert (recreating_worker.delivery()["error_code"], invite["notes"]) == ("place_not_found", "b")
    assert recreating_worker.delivery()["envoy_invite_id"] == invite["id"]
    database = recreating_worker.context.database
    with pytest.raises(UsageError, match="is rejected, not unknown"):
        moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)

    change(recreating_worker, "location = 'Berlin'")
    recreating_worker.push()
    assert recreating_worker.delivery()["status"] == "sent"
    assert creates(recreating_worker) == 1


def test_a_change_back_after_a_404_asks_whether_the_invite_is_there(
    recreating_worker: WorkerWithSandbox,
) -> None:
    """That nothing differs from what was sent last does not say that Envoy still has it."""
    recreating_worker.sandbox.add_location("Oslo")
    delete_by_hand(recreating_worker)
    change(recreating_worker, "location = 'Oslo'")
    assert recreating_worker.push(limit=1).counts["deferred"] == 1

    change(recreating_worker, "location = 'Berlin'")
    recreating_worker.push()

    (invite,) = in_envoy(recreating_worker)
    assert recreating_worker.delivery()["envoy_invite_id"] == invite["id"]


def test_what_is_cleared_while_the_invite_is_asked_for_is_cleared_in_envoy(
    recreating_worker: WorkerWithSandbox,
) -> None:
    """The place was repaired in between, so that the question is the whole update."""
    recreating_worker.add(invitee_email="ann@example.com", custom_fields='{"Badge": "7"}')
    recreating_worker.push()
    know_a_place_that_is_gone(recreating_worker)
    change(recreating_worker, "location = 'Gone'")
    assert recreating_worker.push(limit=1).counts["deferred"] == 1

    change(recreating_worker, "location = 'Berlin', invitee_email = NULL, custom_fields = NULL")
    recreating_worker.push()

    (invite,) = in_envoy(recreating_worker)
    assert (recreating_worker.delivery()["status"], recreating_worker.delivery()["error_code"]) == (
        "sent",
        None,
    )
    assert not invite["invitee"].get("email")
    assert not invite["customFields"]


def test_a_place_that_was_not_refused_is_not_taken_for_missing(recreating_worker: WorkerWithSandbox) -> None:
    """The 404 was another place's, which the caller has repaired in between."""
    recreating_worker.sandbox.add_location("Oslo")
    recreating_worker.add()
    recreating_worker.push()
    know_a_place_that_is_gone(recreating_worker)
    change(recreating_worker, "location = 'Gone'")
    assert recreating_worker.push(limit=1).counts["deferred"] == 1

    change(recreating_worker, "location = 'Oslo'")
    recreating_worker.push()

    (invite,) = in_envoy(recreating_worker)
    oslo = next(
        one["envoy_id"] for one in recreating_worker.rows("SELECT * FROM location") if one["name"] == "Oslo"
    )
    assert (recreating_worker.delivery()["status"], invite["locationId"]) == ("sent", oslo)
    assert creates(recreating_worker) == 1


def test_a_removal_of_what_is_gone_is_done(worker_with_invite: WorkerWithSandbox) -> None:
    """A 404 to a remove is what was wanted."""
    delete_by_hand(worker_with_invite)
    change(worker_with_invite, "wanted = 'absent'")

    assert worker_with_invite.push().counts["withdrawn"] == 1
    assert (worker_with_invite.delivery()["status"], worker_with_invite.delivery()["envoy_invite_id"]) == (
        "withdrawn",
        None,
    )
