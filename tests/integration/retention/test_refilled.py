"""What was cleared too early comes back with the next import or write, and Envoy is told once."""

from datetime import datetime
from typing import Any

import pytest

from tests.integration.retention.conftest import SECRETS, CustomerOverTime
from worker.intake import enqueue

HANDED_IN: dict[str, Any] = {**SECRETS, "custom_fields": {"Company": "Canary Ltd"}, "location": "Berlin"}


@pytest.fixture
def mistaken(customer: CustomerOverTime) -> CustomerOverTime:
    """Give a customer whose coming visits were cleared: all clocks were wrong together, Envoy's too."""
    customer.visit("sent", in_days=20)
    customer.worker.push()
    customer.visit("never sent", in_days=20)
    customer.stand("never sent", status="expired")
    customer.visit("over", in_days=-3)
    customer.stand("over", status="expired")
    customer.pass_days(3650)
    assert customer.prune().counts["cleared"] == 3
    customer.pass_days(-3650)
    return customer


def hand_in(customer: CustomerOverTime, external_id: str) -> None:
    """Hand a visit in again, as it was."""
    arrival = customer.invite(external_id)["expected_arrival_at"]
    moment = datetime.fromisoformat(arrival) if isinstance(arrival, str) else arrival
    with customer.worker.context.database.write() as connection:
        enqueue(
            connection,
            connection="acme",
            external_id=external_id,
            expected_arrival_at=moment,
            host_employee_id=customer.host,
            **HANDED_IN,
        )


def visitor(customer: CustomerOverTime, external_id: str) -> str:
    """Return the visitor's name in the caller's table."""
    return str(customer.invite(external_id)["invitee_name"])


def test_a_coming_visit_is_filled_again_and_sent_once(mistaken: CustomerOverTime) -> None:
    """One update with all of it, since nobody knows any more what Envoy has; and no second one."""
    before = mistaken.requests()

    hand_in(mistaken, "sent")
    first = mistaken.worker.push()
    hand_in(mistaken, "sent")
    second = mistaken.worker.push()

    assert visitor(mistaken, "sent") == SECRETS["invitee_name"]
    assert mistaken.invite("sent")["cleared_at"] is None
    assert (first.counts["updated"], second.did_something) == (1, False)
    assert mistaken.requests() == before + 1
    (invite,) = mistaken.sandbox.invites()
    assert invite["invitee"] == {"name": SECRETS["invitee_name"], "email": SECRETS["invitee_email"]}
    assert invite["notes"] == SECRETS["notes"]


def test_one_that_never_went_out_goes_out(mistaken: CustomerOverTime) -> None:
    """It counted as over, and is not."""
    hand_in(mistaken, "never sent")

    assert mistaken.worker.push().counts["sent"] == 1
    assert {invite["invitee"]["name"] for invite in mistaken.sandbox.invites()} == {SECRETS["invitee_name"]}


def test_one_that_is_over_stays_cleared(mistaken: CustomerOverTime) -> None:
    """An old file brings no visitor back."""
    hand_in(mistaken, "over")

    assert visitor(mistaken, "over") == "(cleared)"
    assert not mistaken.worker.push().counts["sent"]


def test_a_write_in_sql_fills_it_as_well(mistaken: CustomerOverTime) -> None:
    """Anyone who writes the row whole again need not know of the mark."""
    mistaken.change("sent", **SECRETS)

    assert mistaken.worker.push().counts["updated"] == 1
    assert mistaken.sandbox.invites()[0]["invitee"]["name"] == SECRETS["invitee_name"]
