"""Invites and deliveries that lack each other are seen, and nothing is done to them by mistake."""

import pytest

from tests import worker_rows
from tests.integration.invites.stored_invites import StoredInvites
from worker.errors import UsageError
from worker.invites import Status, moves, store, strays


@pytest.fixture
def apart(stored_invites: StoredInvites) -> StoredInvites:
    """Give an invite that has no delivery, a delivery that has no invite, and one of both."""
    stored_invites.invite("whole", status="sent")
    stored_invites.invite("bare", connection="beta")
    worker_rows.lose_delivery(stored_invites, "bare")
    for external_id, token in (("tried", 1), ("untried", 0)):
        worker_rows.add_delivery(
            stored_invites, external_id, next_attempt_at="2031-01-01T00:00:00.000Z", fencing_token=token
        )
    return stored_invites


def test_what_lacks_the_other_is_counted(apart: StoredInvites) -> None:
    """Invites that nobody would send, and deliveries that Envoy may have; by connection."""
    invites = [strays.without_delivery(apart.database, connection=only) for only in (None, "beta", "acme")]
    deliveries = [strays.without_invite(apart.database, connection=only) for only in (None, "beta", "acme")]

    assert (invites, deliveries) == ([1, 1, 0], [1, 0, 1])


def test_an_invite_without_a_delivery_is_listed_and_shown(apart: StoredInvites) -> None:
    """It is pending, with the reason for which nothing happens."""
    listed = {one.name: one.delivery.status for one in store.page(apart.database)}
    pending = store.page(apart.database, status=Status.PENDING)
    sent = store.page(apart.database, status=Status.SENT)
    shown = store.require(apart.database, "beta/bare")

    assert listed == {"beta/bare": "pending", "acme/whole": "sent"}
    assert ([one.name for one in pending], [one.name for one in sent]) == (["beta/bare"], ["acme/whole"])
    assert (shown.delivery.error_code, shown.delivery.id) == ("delivery_missing", None)
    assert store.attempts(apart.database, shown.delivery) == []


def test_a_person_cannot_decide_about_an_invite_without_a_delivery(apart: StoredInvites) -> None:
    """There is nothing to retry and nothing to resolve, and it is said so."""
    bare = store.require(apart.database, "beta/bare")

    with pytest.raises(UsageError, match="beta/bare is without a delivery"):
        moves.retry(apart.database, bare)
    with pytest.raises(UsageError, match="beta/bare is without a delivery"):
        moves.resolve(apart.database, bare, envoy_invite_id="4009")


def test_a_database_that_has_no_number_left_is_recognised(stored_invites: StoredInvites) -> None:
    """Earlier releases took the largest one; then SQLite says of every INSERT that the disk is full."""
    stored_invites.invite("one")
    before = strays.are_numbers_used_up(stored_invites.database)
    if stored_invites.database.is_sqlite:
        stored_invites.execute("UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'invite'")

    assert (before, strays.are_numbers_used_up(stored_invites.database)) == (
        False,
        stored_invites.database.is_sqlite,
    )
