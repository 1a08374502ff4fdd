"""A cleared row is no change, and whatever its caller does with it then costs Envoy no visitor's name."""

from datetime import timedelta

import pytest

from tests.integration.retention.conftest import SECRETS, CustomerOverTime
from worker.delivery.reconcile.unknown_rows import controls
from worker.errors import UsageError
from worker.intake import enqueue
from worker.invites import moves, store


@pytest.fixture
def cleared(customer_with_past_visit: CustomerOverTime) -> CustomerOverTime:
    """Give a customer whose one visit is over, and cleared."""
    assert customer_with_past_visit.prune().counts["cleared"] == 1
    customer_with_past_visit.pass_days(1)
    return customer_with_past_visit


def again(customer: CustomerOverTime, **columns: object) -> None:
    """Hand the visit in again, as a nightly import does."""
    row = customer.invite()
    arrival = store.require(customer.worker.context.database, "acme/v-1").invite.expected_arrival_at
    with customer.worker.context.database.write() as connection:
        enqueue(
            connection,
            **{
                "connection": "acme",
                "external_id": "v-1",
                "location": row["location"],
                "expected_arrival_at": arrival,
                **SECRETS,
                "custom_fields": {"Company": "Canary Ltd"},
                **columns,
            },
        )


def test_nothing_is_due_and_nothing_is_sent(cleared: CustomerOverTime) -> None:
    """A push finds nothing to do, and Envoy is not called."""
    stood, asked = cleared.worker.delivery(), cleared.requests()

    report = cleared.worker.push()

    assert not report.did_something
    assert (cleared.worker.delivery(), cleared.requests()) == (stood, asked)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_change_in_part_is_refused_and_not_sent(cleared: CustomerOverTime, *, ahead: bool) -> None:
    """Envoy keeps the visitor's name, and the row says what is to be done."""
    moved = cleared.now + timedelta(days=3 if ahead else -3)
    before = cleared.sandbox.invites()

    cleared.change(expected_arrival_at=moved.isoformat())
    report = cleared.worker.push()

    delivery = cleared.worker.delivery()
    assert report.counts["rejected"] == 1
    assert (delivery["status"], delivery["error_code"]) == ("rejected", "cleared")
    assert "write the row whole again" in delivery["error_detail"]
    assert cleared.sandbox.invites() == before


def test_a_row_that_is_written_whole_is_sent_whole(cleared: CustomerOverTime) -> None:
    """In plain SQL, and without a thought of the mark: Envoy gets every field."""
    moved = (cleared.now + timedelta(days=3)).isoformat()

    cleared.change(**{**SECRETS, "invitee_name": "Ann New", "expected_arrival_at": moved})
    cleared.worker.push()

    (invite,) = cleared.sandbox.invites()
    assert cleared.worker.delivery()["status"] == "sent"
    assert invite["invitee"] == {"name": "Ann New", "email": SECRETS["invitee_email"]}
    assert invite["notes"] == SECRETS["notes"]


def test_a_withdrawal_still_works(cleared: CustomerOverTime) -> None:
    """It needs the id only."""
    cleared.change(wanted="absent")

    assert cleared.worker.push().counts["withdrawn"] == 1
    assert cleared.sandbox.invites() == []


def test_the_same_visit_handed_in_again_changes_nothing(cleared: CustomerOverTime) -> None:
    """An old file that is imported every night brings no visitor back."""
    row, stood = cleared.invite(), cleared.worker.delivery()

    again(cleared)
    again(cleared, send_email=True)  # the connection's default, which may have changed since

    assert (cleared.invite(), cleared.worker.delivery()) == (row, stood)


def test_a_visit_that_was_moved_is_handed_in_whole(cleared: CustomerOverTime) -> None:
    """A new time is a new visit: the row is filled again, and Envoy learns of it."""
    again(cleared, expected_arrival_at=cleared.now + timedelta(days=3))

    assert cleared.worker.push().counts["updated"] == 1
    assert cleared.invite()["cleared_at"] is None
    assert cleared.sandbox.invites()[0]["invitee"]["name"] == SECRETS["invitee_name"]


def test_a_retry_of_a_cleared_row_sends_nothing(cleared: CustomerOverTime) -> None:
    """What cannot be sent any more is refused again, and one that is sent cannot be retried."""
    database = cleared.worker.context.database
    with pytest.raises(UsageError, match="neither rejected nor expired"):
        moves.retry(database, store.require(database, "acme/v-1"))
    cleared.stand("v-1", status="rejected")
    before = cleared.sandbox.invites()

    moves.retry(database, store.require(database, "acme/v-1"))
    cleared.worker.push()

    assert cleared.worker.delivery()["error_code"] == "cleared"
    assert cleared.sandbox.invites() == before


def test_an_expired_row_that_a_wrong_clock_had_cleared_is_not_sent(customer: CustomerOverTime) -> None:
    """Its end lies ahead after all, so that it is due again; but nobody knows who was to come."""
    customer.visit(in_days=20)
    customer.pass_days(100)
    customer.worker.push()
    customer.pass_days(31)
    assert customer.prune().counts["cleared"] == 1
    customer.pass_days(-131)

    customer.worker.push()

    assert customer.worker.delivery()["error_code"] == "cleared"
    assert customer.sandbox.invites() == []


def test_a_sent_invite_still_cannot_be_deleted(cleared: CustomerOverTime) -> None:
    """Neither clearing nor deleting its history makes it a row that was never tried."""
    cleared.pass_days(100)
    assert cleared.prune().counts["attempts_deleted"] == 1

    with pytest.raises(Exception, match="wanted = 'absent'"):
        cleared.worker.execute("DELETE FROM invite")


def test_a_look_up_is_proven_by_invites_that_are_not_cleared(
    customer_with_past_visit: CustomerOverTime,
) -> None:
    """However many were cleared: of those it is not stored any more what to look for."""
    for number in range(120):
        customer_with_past_visit.visit(f"old-{number}")
        customer_with_past_visit.stand(f"old-{number}", status="sent", envoy_invite_id=f"99{number}")

    (place,) = customer_with_past_visit.worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")
    found = controls(customer_with_past_visit.worker.context.database, "acme", location_id=place["envoy_id"])

    assert [envoy_id for envoy_id, _ in found] == [
        customer_with_past_visit.worker.delivery()["envoy_invite_id"]
    ]
