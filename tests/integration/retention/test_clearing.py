"""Personal data of finished visits is cleared in time, and of no others."""

from datetime import timedelta
from typing import Any

import pytest

from tests import worker_rows
from tests.integration.retention.conftest import CustomerOverTime
from worker.invites.personal import PERSONAL

EMPTY = {**dict.fromkeys(PERSONAL), "invitee_name": "(cleared)"}
KEPT = ("connection", "external_id", "location", "expected_arrival_at", "wanted", "send_email", "updated_at")


def personal(customer: CustomerOverTime, external_id: str = "v-1") -> dict[str, Any]:
    """Return what a row says of a person."""
    row = customer.invite(external_id)
    return {name: row[name] for name in PERSONAL}


def test_a_visit_that_is_long_over_is_cleared(customer_with_past_visit: CustomerOverTime) -> None:
    """Nothing of the visitor or the host is left; what the visit was stays, and so does how it stands."""
    worker_rows.set_attempts(customer_with_past_visit.worker, detail="Canary is refused")
    customer_with_past_visit.stand("v-1", error_detail="Canary kept", content_key="digest")
    row, stood = customer_with_past_visit.invite(), customer_with_past_visit.worker.delivery()

    report = customer_with_past_visit.prune()

    assert report.counts["cleared"] == 1
    assert personal(customer_with_past_visit) == EMPTY
    assert {name: customer_with_past_visit.invite()[name] for name in KEPT} == {
        name: row[name] for name in KEPT
    }
    assert customer_with_past_visit.invite()["cleared_at"] is not None
    ours = dict.fromkeys(("sent_content", "error_detail", "content_key"))
    assert customer_with_past_visit.worker.delivery() == {**stood, **ours}
    assert [line["detail"] for line in customer_with_past_visit.worker.attempts()] == [None]


def test_a_second_run_finds_nothing(customer_with_past_visit: CustomerOverTime) -> None:
    """What is cleared is not cleared again."""
    customer_with_past_visit.prune()
    customer_with_past_visit.pass_days(40)

    assert customer_with_past_visit.prune().counts["cleared"] == 0


def test_time_counts_from_the_end_of_the_visit(customer: CustomerOverTime) -> None:
    """From its departure, where it has one; thirty days by default, by the database's clock."""
    customer.visit("short")
    customer.visit("long", expected_departure_at=(customer.now + timedelta(days=7)).isoformat())
    customer.worker.push()

    customer.pass_days(32.1)
    first = customer.prune().counts["cleared"], personal(customer, "long") == EMPTY
    customer.pass_days(5)
    second = customer.prune().counts["cleared"]

    assert (first, second) == ((1, False), 1)


def test_time_counts_from_the_last_change_too(customer_with_past_visit: CustomerOverTime) -> None:
    """A visit of last year that was settled yesterday stays for its thirty days."""
    customer_with_past_visit.change(expected_arrival_at="2020-05-06T10:00:00Z")
    customer_with_past_visit.worker.push()

    soon = customer_with_past_visit.prune().counts["cleared"]
    customer_with_past_visit.pass_days(31)

    assert (soon, customer_with_past_visit.prune().counts["cleared"]) == (0, 1)


@pytest.mark.parametrize("status", ["rejected", "expired", "withdrawn", "sent"])
def test_every_finished_status_is_cleared(customer: CustomerOverTime, status: str) -> None:
    """Whether Envoy ever had it makes no difference."""
    customer.visit()
    customer.stand("v-1", status=status)
    customer.pass_days(40)

    assert customer.prune().counts["cleared"] == 1
    assert customer.worker.delivery()["status"] == status


@pytest.mark.parametrize("status", ["pending", "sending", "unknown"])
def test_what_is_not_finished_is_not_touched(customer: CustomerOverTime, status: str) -> None:
    """The worker still needs it, however old it is."""
    customer.visit()
    customer.stand("v-1", status=status)
    before = customer.invite(), customer.worker.delivery()
    customer.pass_days(400)

    assert customer.prune().counts["cleared"] == 0
    assert (customer.invite(), customer.worker.delivery()) == before


def test_a_visit_that_lies_ahead_is_not_touched(customer: CustomerOverTime) -> None:
    """However long ago it was sent."""
    customer.visit(in_days=300)
    customer.worker.push()
    customer.pass_days(200)

    assert customer.prune().counts["cleared"] == 0


def test_only_the_connection_and_as_many_as_asked_for(customer: CustomerOverTime) -> None:
    """`--connection` and `--limit` narrow the job as they do the others."""
    for number in range(3):
        customer.visit(f"v-{number}")
    customer.visit("other", connection="other")
    worker_rows.set_status(customer.worker, "rejected")
    customer.pass_days(40)

    limited = customer.prune(limit=2).counts["cleared"]
    narrowed = customer.prune(connection="acme").counts["cleared"]

    assert (limited, narrowed) == (2, 1)
    assert personal(customer, "other") != EMPTY


def test_a_row_that_was_filled_again_is_cleared_again(customer_with_past_visit: CustomerOverTime) -> None:
    """Whatever the mark in it says: a caller may write personal data at any time."""
    customer_with_past_visit.prune()
    customer_with_past_visit.pass_days(1)
    customer_with_past_visit.change(notes="canary again")
    customer_with_past_visit.worker.push()
    customer_with_past_visit.pass_days(31)

    assert customer_with_past_visit.prune().counts["cleared"] == 1
    assert personal(customer_with_past_visit) == EMPTY
