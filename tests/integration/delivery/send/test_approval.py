"""Whether Envoy has approved an invite: stored and told, and never a reason to send it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.doubtful_creates import doubt
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.invites import moves, store
from worker.sandbox import Faults


def told(logs: Sequence[Mapping[str, Any]], event: str) -> object:
    """Return the approval that the one event of this name tells."""
    (found,) = [line for line in logs if line["event"] == event]
    return found.get("approval_status")


@pytest.mark.parametrize("word", ["APPROVED", "PENDING", "AWAITING_REVIEW", "DENIED", "Some_New_Word"])
def test_whatever_envoy_says_the_invite_is_sent(worker: WorkerWithSandbox, word: str) -> None:
    """It counts as pushed, with Envoy's word; another push sends nothing."""
    worker.sandbox.set_faults(Faults(approval_status=word))
    worker.add()

    with capture_logs() as logs:
        first = worker.push()
    again = worker.push()

    assert (first.counts["sent"], again.did_something, list(first.troubles)) == (1, False, [])
    assert (worker.delivery()["status"], worker.delivery()["approval_status"]) == ("sent", word)
    assert worker.rows("SELECT approval_status FROM invite_status") == [{"approval_status": word}]
    assert told(logs, "invite.sent") == word
    assert len(worker.sandbox.ledger()["creates"]) == 1


@pytest.mark.parametrize("odd", ["two words", "X" * 41, "ann@example.com", "<b>"])
def test_what_is_no_word_is_not_kept(worker: WorkerWithSandbox, odd: str) -> None:
    """The invite is sent all the same."""
    worker.sandbox.set_faults(Faults(approval_status=odd))
    worker.add()

    worker.push()

    assert (worker.delivery()["status"], worker.delivery()["approval_status"]) == ("sent", None)


def test_a_flow_may_want_approval(worker: WorkerWithSandbox) -> None:
    """Of two invites the one whose flow wants it waits in Envoy."""
    worker.sandbox.add_flow("Audit", needs_approval=True)
    worker.add("waits", flow="Audit")
    worker.add("goes", flow="Interview")

    worker.push()

    words = {key: worker.delivery(key)["approval_status"] for key in ("waits", "goes")}
    assert words == {"waits": "PENDING", "goes": "APPROVED"}


def test_an_update_brings_envoys_newest_word(worker: WorkerWithSandbox) -> None:
    """An invite that is changed in Envoy must be approved again."""
    worker.add()
    worker.push()
    worker.sandbox.set_faults(Faults(approval_status="AWAITING_REVIEW"))
    worker.execute("UPDATE invite SET notes = 'Third floor'")

    with capture_logs() as logs:
        worker.push()

    assert worker.delivery()["approval_status"] == "AWAITING_REVIEW"
    assert told(logs, "invite.updated") == "AWAITING_REVIEW"


def test_a_look_up_brings_envoys_word_too(worker_with_invite: WorkerWithSandbox) -> None:
    """The answer was lost; what Envoy lists says that the invite waits."""
    doubt(
        worker_with_invite,
        "drop_after_share",
        flow=worker_with_invite.sandbox.add_flow("Audit", needs_approval=True)["id"],
    )
    worker_with_invite.make_looks_due()

    with capture_logs() as logs:
        worker_with_invite.reconcile()

    assert (worker_with_invite.delivery()["status"], worker_with_invite.delivery()["approval_status"]) == (
        "sent",
        "PENDING",
    )
    assert told(logs, "invite.reconciled") == "PENDING"


def test_an_invite_that_is_made_anew_has_no_old_word(worker_with_invite: WorkerWithSandbox) -> None:
    """A remove was executed and its answer lost: what Envoy said of the old invite is forgotten."""
    worker_with_invite.add()
    worker_with_invite.push()
    worker_with_invite.sandbox.set_faults(Faults(drop_after_share=1, only="DELETE"))
    worker_with_invite.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")
    worker_with_invite.push()
    worker_with_invite.sandbox.set_faults(Faults())
    worker_with_invite.execute("UPDATE invite SET wanted = 'present' WHERE external_id = 'v-1'")
    worker_with_invite.make_due()
    while worker_with_invite.delivery()["envoy_invite_id"] is not None:
        assert worker_with_invite.push(limit=1).counts["deferred"] == 1

    assert (
        worker_with_invite.delivery()["envoy_invite_id"],
        worker_with_invite.delivery()["approval_status"],
    ) == (
        None,
        None,
    )


def test_an_invite_that_a_person_sends_again_has_no_old_word(worker_with_invite: WorkerWithSandbox) -> None:
    """Somebody deleted it in Envoy, and a person's verdict is to make it again."""
    worker_with_invite.add()
    worker_with_invite.push()
    worker_with_invite.sandbox.delete_invite(worker_with_invite.delivery()["envoy_invite_id"])
    worker_with_invite.execute("UPDATE invite SET notes = 'Third floor' WHERE external_id = 'v-1'")
    worker_with_invite.push()
    database = worker_with_invite.context.database

    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)

    assert (
        worker_with_invite.delivery()["envoy_invite_id"],
        worker_with_invite.delivery()["approval_status"],
    ) == (
        None,
        None,
    )


def test_the_status_of_each_success_is_kept(worker: WorkerWithSandbox) -> None:
    """In the ledger and in the events: made, changed, removed."""
    worker.add()
    with capture_logs() as logs:
        worker.push()
        worker.execute("UPDATE invite SET notes = 'Third floor'")
        worker.push()
        worker.execute("UPDATE invite SET wanted = 'absent'")
        worker.push()

    assert [line["http_status"] for line in worker.attempts()] == [201, 200, 200]
    names = ("invite.sent", "invite.updated", "invite.withdrawn")
    assert [line["http_status"] for line in logs if line["event"] in names] == [201, 200, 200]
