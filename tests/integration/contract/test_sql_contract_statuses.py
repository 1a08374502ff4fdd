"""What a delivery needs in each status: the database refuses everything else, by the rule's name."""

import pytest

from tests.integration.contract.caller import PAST, Caller, Refused

LEASE = {"attempt_id": "a-1", "lease_owner": "somebody", "lease_until": PAST}
REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("pending", {"next_attempt_at": None}, "delivery_pending_has_due_time"),
    ("sending", {**LEASE, "attempt_id": None}, "delivery_sending_has_attempt_and_lease"),
    ("sending", {**LEASE, "lease_owner": None}, "delivery_sending_has_attempt_and_lease"),
    ("sending", {**LEASE, "lease_until": None}, "delivery_sending_has_attempt_and_lease"),
    ("sent", {"envoy_invite_id": None, "sent_revision": 1}, "delivery_sent_has_id_and_revision"),
    ("sent", {"envoy_invite_id": "4001", "sent_revision": None}, "delivery_sent_has_id_and_revision"),
    ("unknown", {"attempt_id": None}, "delivery_unknown_has_attempt"),
    ("withdrawn", {"envoy_invite_id": "4001"}, "delivery_withdrawn_has_no_id"),
    ("expired", {"envoy_invite_id": "4001"}, "delivery_expired_has_no_id"),
]


def test_a_delivery_has_what_its_status_needs(caller: Caller) -> None:
    """No matter who writes it, and in whatever status it was before."""
    caller.insert()
    for status, columns, rule in REFUSED:
        names = ", ".join(f"{name} = ?" for name in columns)
        with pytest.raises(Refused, match=rule):
            caller.rows(f"UPDATE delivery SET status = ?, {names}", status, *columns.values())  # noqa: S608

    assert caller.delivery()["status"] == "pending"


def test_a_delivery_is_made_with_what_its_status_needs(caller: Caller) -> None:
    """The same goes for a new one."""
    with pytest.raises(Refused, match="delivery_unknown_has_attempt"):
        caller.rows("INSERT INTO delivery (connection, external_id, status) VALUES ('acme', 'x', 'unknown')")

    assert caller.rows("SELECT 1 FROM delivery") == []


def test_or_ignore_does_not_silence_a_rule(sqlite_caller: Caller) -> None:
    """A constraint would let the delivery's change vanish, and the caller's own go through."""
    sqlite_caller.insert()

    with pytest.raises(Refused, match="delivery_sent_has_id_and_revision"):
        sqlite_caller.rows("UPDATE OR IGNORE delivery SET status = 'sent'")
