"""Invites are found, listed and counted as an operator names them."""

from datetime import UTC, datetime

import pytest

from tests import worker_rows
from tests.integration.invites.stored_invites import StoredInvites
from worker.errors import UsageError
from worker.invites import Status, pending, store


def test_an_invite_is_found_by_its_id_and_by_its_name(stored_invites: StoredInvites) -> None:
    """Both ways lead to the same row; the external id may hold a slash itself."""
    made = stored_invites.invite("2031/05/06")

    by_id = store.require(stored_invites.database, str(made.invite.id))
    by_name = store.require(stored_invites.database, "acme/2031/05/06")

    assert by_id.invite.id == by_name.invite.id == made.invite.id
    assert by_name.name == "acme/2031/05/06"
    assert by_name.delivery.status == Status.PENDING


@pytest.mark.parametrize("named", ["7", "acme/nobody", "nobody", "-1", "9" * 40, "", "/", "²"])
def test_an_invite_that_is_not_there_is_the_operators_mistake(
    stored_invites: StoredInvites, named: str
) -> None:
    """Whatever was typed, the answer is one line with a hint, and never a failure of the database."""
    stored_invites.invite("one")

    with pytest.raises(UsageError) as caught:
        store.require(stored_invites.database, named)

    assert "CONNECTION/EXTERNAL_ID" in caught.value.hint


def test_every_status_is_counted(stored_invites: StoredInvites) -> None:
    """All seven are there, those without an invite as 0; what is not sent has no approval to count."""
    stored_invites.invite("one")
    stored_invites.invite("two", status="sent", approval_status="DENIED")
    stored_invites.invite("three", status="sent", approval_status="APPROVED")
    stored_invites.invite("four", status="sent", approval_status="APPROVED")
    stored_invites.invite("five", status="sent")
    stored_invites.invite("six", status="pending", approval_status="APPROVED")

    counts = store.counts(stored_invites.database)

    assert list(counts.statuses) == list(Status)
    assert {status: n for status, n in counts.statuses.items() if n} == {"pending": 2, "sent": 4}
    assert counts.approvals == {"APPROVED": 2, "DENIED": 1}


def test_a_page_may_be_of_one_approval(stored_invites: StoredInvites) -> None:
    """Only what is sent is meant: of a changed invite Envoy's word is old."""
    stored_invites.invite("denied", status="sent", approval_status="DENIED")
    stored_invites.invite("changed", status="pending", approval_status="DENIED")
    stored_invites.invite("approved", status="sent", approval_status="APPROVED")

    assert [one.name for one in store.page(stored_invites.database, approval="DENIED")] == ["acme/denied"]


def test_a_page_has_the_newest_invites_that_fit(stored_invites: StoredInvites) -> None:
    """Status and connection narrow it, the limit ends it."""
    for number in range(4):
        stored_invites.invite(f"v{number}", status="sent" if number % 2 else "pending")
    stored_invites.invite("other", connection="beta", status="sent")

    sent = store.page(stored_invites.database, status=Status.SENT, connection="acme")
    newest = store.page(stored_invites.database, limit=2)

    assert [one.name for one in sent] == ["acme/v3", "acme/v1"]
    assert [one.name for one in newest] == ["beta/other", "acme/v3"]


def test_unknown_invites_come_longest_first(stored_invites: StoredInvites) -> None:
    """The row that is longest in doubt is looked up first."""
    stored_invites.unknown("late")
    stored_invites.unknown("early")
    stored_invites.stand("acme/late", unknown_since="2031-05-02T00:00:00.000Z")
    stored_invites.stand("acme/early", unknown_since="2031-05-01T00:00:00.000Z")

    assert [one.name for one in store.unknown(stored_invites.database, limit=5)] == [
        "acme/early",
        "acme/late",
    ]
    assert [one.name for one in store.unknown(stored_invites.database, limit=1)] == ["acme/early"]


def test_invites_of_unknown_and_removed_connections_are_counted_by_name(
    stored_invites: StoredInvites,
) -> None:
    """They wait for a connection that does not come by itself; finished ones wait for nothing."""
    for name, status in (("acme", "active"), ("gone", "removed")):
        worker_rows.add_connection(stored_invites, name, status=status)
    stored_invites.invite("one")
    stored_invites.invite("two", connection="gone")
    stored_invites.invite("three", connection="typo")
    stored_invites.invite("four", connection="typo")
    stored_invites.invite("five", connection="typo", status="expired")

    assert pending.without_connection(stored_invites.database) == {"gone": 1, "typo": 2}


def test_attempts_come_in_their_order(stored_invites: StoredInvites) -> None:
    """The ledger of one invite is read as a story, and without the others' lines."""
    stored_invites.unknown("one")
    stored_invites.unknown("two")

    tried = store.attempts(stored_invites.database, stored_invites.look("acme/one").delivery)

    assert [(one.kind, one.verdict) for one in tried] == [("create", "unknown")]


def test_the_oldest_due_invite_is_found_among_all_connections(stored_invites: StoredInvites) -> None:
    """The longest wait counts, also for a connection that is not there; or one connection's only."""
    assert pending.oldest_due_seconds(stored_invites.database) is None
    for name, second in (("acme", "40"), ("globex", "20"), ("typo", "30"), ("acme", "50")):
        stored_invites.invite(
            f"v-{second}", connection=name, next_attempt_at=f"2020-01-01T00:00:{second}.000Z"
        )
    stored_invites.invite(
        "done", connection="zeta", status="sent", next_attempt_at="2019-01-01T00:00:00.000Z"
    )
    began = datetime(2020, 1, 1, tzinfo=UTC)
    now = stored_invites.database.read_now()

    found = [
        pending.oldest_due_seconds(stored_invites.database, only=only)
        for only in (None, "acme", "globex", "zeta")
    ]

    waits = [None if one is None else round((now - began).total_seconds() - one) for one in found]
    assert waits == [20, 40, 20, None]
