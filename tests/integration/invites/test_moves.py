"""A person's decisions about an invite are guarded, fenced, and on record."""

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.invites.stored_invites import StoredInvites
from worker.errors import UsageError
from worker.invites import Attempt, Status, moves, store


def ledger(stored_invites: StoredInvites, name: str) -> list[Attempt]:
    """Return what is on record of an invite."""
    return store.attempts(stored_invites.database, stored_invites.look(name).delivery)


@pytest.mark.parametrize("status", ["rejected", "expired"])
def test_a_finished_invite_is_retried(stored_invites: StoredInvites, status: str) -> None:
    """It is due at once, with a clean record of errors."""
    standing = stored_invites.invite(
        "one", status=status, error_code="refused", error_detail="no", deferrals=4
    )

    moves.retry(stored_invites.database, standing)

    after = stored_invites.look("acme/one").delivery
    assert (after.status, after.error_code, after.error_detail, after.deferrals) == ("pending", None, None, 0)
    assert after.next_attempt_at is not None
    assert after.next_attempt_at <= stored_invites.database.read_now()


def test_all_rejected_invites_of_a_connection_are_retried_and_no_others(
    stored_invites: StoredInvites,
) -> None:
    """They are due at once and counted; what is expired, sent or another connection's stays as it is."""
    for key in ("one", "two"):
        stored_invites.invite(key, status="rejected", error_code="refused", deferrals=4, interruptions=3)
    others = [
        stored_invites.invite("three", status="expired"),
        stored_invites.invite("four", status="unknown"),
        stored_invites.invite("one", connection="globex", status="rejected"),
    ]

    assert moves.retry_rejected(stored_invites.database, "acme") == 2
    assert moves.retry_rejected(stored_invites.database, "acme") == 0

    for name in ("acme/one", "acme/two"):
        after = stored_invites.look(name).delivery
        assert (after.status, after.error_code, after.deferrals, after.interruptions) == (
            "pending",
            None,
            0,
            0,
        )
    assert [stored_invites.look(one.name).delivery for one in others] == [one.delivery for one in others]


@pytest.mark.parametrize("status", ["pending", "sending", "sent", "unknown", "withdrawn"])
def test_no_other_invite_is_retried(stored_invites: StoredInvites, status: str) -> None:
    """An invite that Envoy has, or may have, is not made due again; the line says how it stands."""
    standing = stored_invites.invite("one", status=status)

    with pytest.raises(UsageError, match=f"acme/one is {status}"):
        moves.retry(stored_invites.database, standing)

    assert stored_invites.look("acme/one").delivery.status == status


def test_a_decision_that_comes_too_late_changes_nothing(stored_invites: StoredInvites) -> None:
    """What the operator saw does not count, only how the row stands when it is written."""
    standing = stored_invites.invite("one", status="rejected")
    stored_invites.stand("acme/one", status="sent")

    with pytest.raises(UsageError, match="is sent"):
        moves.retry(stored_invites.database, standing)

    assert stored_invites.look("acme/one").delivery.status == "sent"


def test_withdrawing_speaks_for_the_caller(stored_invites: StoredInvites) -> None:
    """It changes the caller's row, so that the worker sees a new revision; a second time says so."""
    standing = stored_invites.invite("one", status="sent", envoy_invite_id="4001", fencing_token=1)

    first, second = (
        moves.withdraw(stored_invites.database, standing),
        moves.withdraw(stored_invites.database, standing),
    )

    after = stored_invites.look("acme/one")
    assert (first, second) == (True, False)
    assert (after.invite.wanted, after.delivery.status, after.delivery.revision) == ("absent", "pending", 2)


def test_a_person_says_that_envoy_has_it(stored_invites: StoredInvites) -> None:
    """The row takes Envoy's id and is sent; no earlier attempt can settle it any more."""
    standing = stored_invites.unknown("one")

    with capture_logs() as events:
        status = moves.resolve(stored_invites.database, standing, envoy_invite_id=" 4001 ")

    after = stored_invites.look("acme/one").delivery
    assert status is Status.SENT
    assert (after.status, after.envoy_invite_id, after.sent_revision) == ("sent", "4001", 1)
    assert (after.fencing_token, after.content_key, after.unknown_since) == (2, None, None)
    assert (after.error_code, after.sent_at is not None) == (None, True)
    person = ledger(stored_invites, "acme/one")[-1]
    assert (person.kind, person.verdict, person.fencing_token) == ("person", "sent", 2)
    assert person.envoy_invite_id == "4001"
    assert [(event["event"], event["by"], event["external_id"]) for event in events] == [
        ("invite.reconciled", "person", "one")
    ]


def test_a_person_says_that_envoy_has_it_not(stored_invites: StoredInvites) -> None:
    """The row is due again; the ledger keeps who decided so."""
    standing = stored_invites.unknown("one")

    status = moves.resolve(stored_invites.database, standing, envoy_invite_id=None)

    after = stored_invites.look("acme/one").delivery
    assert status is Status.PENDING
    assert (after.status, after.envoy_invite_id, after.fencing_token) == ("pending", None, 2)
    assert [(one.kind, one.verdict) for one in ledger(stored_invites, "acme/one")] == [
        ("create", "unknown"), ("person", "deferred"),
    ]  # fmt: skip


def test_a_change_since_the_doubtful_attempt_is_sent_afterwards(stored_invites: StoredInvites) -> None:
    """Envoy has the old content under the id that was found: the row is due for an update."""
    standing = stored_invites.unknown("one", revision=2)

    status = moves.resolve(stored_invites.database, standing, envoy_invite_id="4001")

    after = stored_invites.look("acme/one").delivery
    assert status is Status.PENDING
    assert (after.envoy_invite_id, after.sent_revision, after.revision) == ("4001", 1, 2)


@pytest.mark.parametrize("status", ["pending", "sending", "sent", "rejected", "expired", "withdrawn"])
def test_only_what_is_unknown_is_resolved(stored_invites: StoredInvites, status: str) -> None:
    """A verdict on anything else is refused, and leaves no line in the ledger."""
    standing = stored_invites.invite("one", status=status)

    with pytest.raises(UsageError, match=f"acme/one is {status}, not unknown"):
        moves.resolve(stored_invites.database, standing, envoy_invite_id="4001")

    assert stored_invites.look("acme/one").delivery.envoy_invite_id == standing.delivery.envoy_invite_id
    assert ledger(stored_invites, "acme/one") == []


def test_an_id_that_belongs_to_another_invite_is_refused(stored_invites: StoredInvites) -> None:
    """Two invites of a connection never share an id of Envoy's; nothing of the verdict is stored."""
    stored_invites.invite("other", status="sent", envoy_invite_id="4001")
    standing = stored_invites.unknown("one")

    with pytest.raises(UsageError, match="another invite of acme has this Envoy id"):
        moves.resolve(stored_invites.database, standing, envoy_invite_id="4001")

    assert stored_invites.look("acme/one").delivery.status == "unknown"
    assert len(ledger(stored_invites, "acme/one")) == 1


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "..",
        "a b",
        "https://app.envoy.com/invites/4001",
        "x" * 65,
        "4001\n/",
        "4001%2f1",
        "4001?a=1",
        "\ud800",
        "4001\u202e",
        "\u0664\u0660",
        "acme/v-1",
        "me@example.com",
    ],
)
def test_an_id_that_cannot_be_envoys_is_refused(stored_invites: StoredInvites, typed: str) -> None:
    """A pasted address, or half of one, is not stored as an id."""
    standing = stored_invites.unknown("one")

    with pytest.raises(UsageError, match="no id of Envoy's"):
        moves.resolve(stored_invites.database, standing, envoy_invite_id=typed)

    assert stored_invites.look("acme/one").delivery.status == "unknown"


@pytest.mark.parametrize("typed", ["4001", " 4001\n", "0b6e1f7a-93f0-4f3c-8a0b-3d0c3f3c2f11", "inv_4001"])
def test_whatever_envoy_may_give_as_an_id_may_be_typed(stored_invites: StoredInvites, typed: str) -> None:
    """One rule for ids, wherever they come from; blanks around it came along from somewhere."""
    standing = stored_invites.unknown("one")

    moves.resolve(stored_invites.database, standing, envoy_invite_id=typed)

    assert stored_invites.look("acme/one").delivery.envoy_invite_id == typed.strip()


def test_of_two_persons_at_once_one_decides(stored_invites: StoredInvites) -> None:
    """Both look at the same unknown row; the second verdict finds it settled."""
    standing = stored_invites.unknown("one")
    came_to: list[Any] = []

    def decide(envoy_invite_id: str | None) -> None:
        try:
            came_to.append(moves.resolve(stored_invites.database, standing, envoy_invite_id=envoy_invite_id))
        except UsageError as error:
            came_to.append(error)

    both = [threading.Thread(target=decide, args=(verdict,)) for verdict in ("4001", None)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()

    assert sorted(isinstance(one, UsageError) for one in came_to) == [False, True]
    assert [one.kind for one in ledger(stored_invites, "acme/one")] == ["create", "person"]
