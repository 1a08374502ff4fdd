"""Rows that lack each other, as a restore or a bulk load leaves them."""

import pytest

from tests.integration.contract.caller import Caller, Refused


def orphan(caller: Caller, status: str) -> None:
    """Leave a delivery without its invite, as a TRUNCATE of an earlier release did; its key is the status."""
    caller.insert(status)
    caller.deliver(status, external_id=status)
    if caller.sqlite:
        trigger = caller.one("SELECT sql FROM sqlite_master WHERE name = 'invite_deleted'")["sql"]
        caller.rows("DROP TRIGGER invite_deleted")
        caller.rows("DELETE FROM invite")
        caller.rows(trigger)
    else:
        caller.rows("ALTER TABLE invite DISABLE TRIGGER invite_deleted")
        caller.rows("DELETE FROM invite")
        caller.rows("ALTER TABLE invite ENABLE ALWAYS TRIGGER invite_deleted")


def test_an_invite_that_comes_back_waits_for_its_attempt(caller: Caller) -> None:
    """What is being sent, or in doubt, under its key stays so, and the row counts as changed."""
    for status in ("sending", "unknown"):
        orphan(caller, status)
        before = caller.delivery(status)

        caller.insert(status, notes="new")

        after, number = caller.delivery(status), caller.invite(status)["id"]
        assert (after["status"], after["revision"], after["invite_id"]) == (status, 2, number)
        kept = ("id", "next_attempt_at", "attempt_id", "error_code", "error_detail")
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_an_invite_that_comes_back_is_a_change_of_what_was_sent(caller: Caller) -> None:
    """Envoy's invite is brought up to date and not made a second time."""
    for status in ("sent", "rejected", "withdrawn"):
        orphan(caller, status)
        before = caller.delivery(status)

        caller.insert(status, notes="new")

        after = caller.delivery(status)
        assert (after["status"], after["revision"], after["error_code"]) == ("pending", 2, None)
        assert (after["id"], after["envoy_invite_id"]) == (before["id"], before["envoy_invite_id"])
        assert after["next_attempt_at"] is not None


def test_what_lost_its_invite_keeps_its_key(caller: Caller) -> None:
    """Another invite cannot be renamed into what Envoy has."""
    orphan(caller, "sent")
    caller.insert("v-2")

    with pytest.raises(Refused, match="instead of renaming"):
        caller.rows("UPDATE invite SET external_id = 'sent'")

    assert (caller.delivery("sent")["status"], caller.delivery("v-2")["status"]) == ("sent", "pending")


def test_the_view_shows_an_invite_that_has_no_delivery(caller: Caller) -> None:
    """It waits, and the reason is named; nobody has to look into the worker's tables."""
    caller.insert()
    caller.insert("v-2")
    caller.rows("DELETE FROM delivery WHERE external_id = 'v-1'")

    rows = caller.rows("SELECT external_id, status, error_code, revision, attempts FROM invite_status")

    assert sorted(tuple(row.values()) for row in rows) == [
        ("v-1", "pending", "delivery_missing", 1, 0),
        ("v-2", "pending", None, 1, 0),
    ]
