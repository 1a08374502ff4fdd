"""What is to be done about a due row whose visitor retention has cleared."""

from datetime import timedelta
from typing import Any

import pytest

from tests.due_rows import ACME, DIRECTORY, NOW, due_row
from worker.delivery.plan import Call, Plan, Settled, plan, rejection
from worker.errors import InputError
from worker.invites import Kind, Status
from worker.invites.personal import CLEARED_NAME


def planned(**fields: Any) -> Plan:
    """Plan a cleared row."""
    row = due_row(invitee_name=CLEARED_NAME, **fields)
    return plan(row, DIRECTORY, ACME, host_of=lambda *_: None, now=NOW)


@pytest.mark.parametrize("envoy_id", [None, "7"])
def test_it_is_refused(envoy_id: str | None) -> None:
    """Neither created nor updated: Envoy must never show the word that stands for a name."""
    with pytest.raises(InputError) as refused:
        planned(envoy_invite_id=envoy_id)

    settled = rejection(refused.value)
    assert (settled.status, settled.error_code) == (Status.REJECTED, "cleared")
    assert "whole" in (settled.error_detail or "")


def test_it_is_removed_all_the_same() -> None:
    """A remove names nobody."""
    made = planned(envoy_invite_id="7", wanted="absent")

    assert isinstance(made, Call)
    assert made.kind is Kind.REMOVE


def test_it_may_be_withdrawn_or_expired_without_a_call() -> None:
    """Where nothing would be sent, nothing is wrong with it."""
    yesterday = NOW - timedelta(days=1)

    assert planned(wanted="absent") == Settled(Status.WITHDRAWN)
    expired = planned(expected_arrival_at=yesterday - timedelta(hours=1), expected_departure_at=yesterday)
    assert expired == Settled(Status.EXPIRED, visit_end=yesterday)
