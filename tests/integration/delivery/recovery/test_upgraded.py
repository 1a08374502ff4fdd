"""An upgrade from the release before the three stages: what was on its way or in doubt is sent once."""

from typing import Any

import pytest

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.integration.migrating import migrate
from worker.database import schema
from worker.sandbox import Faults

BEFORE = "0008"
LOST = {"got it": Faults(drop_after_share=1.0), "never got it": Faults(drop_before_share=1.0)}
BEGINNINGS = {"unknown": "In doubt", "sending": "On its way"}
KEPT = (
    "external_id, status, revision, attempt_id, fencing_token, lease_owner, lease_until, content_key,"
    " next_attempt_at, envoy_invite_id, sent_revision"
)
CHANGED = "UPDATE invite SET notes = 'changed' WHERE external_id = 'changed'"


@pytest.fixture
def before(reading_worker: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker of the release before, with rows that are due, on their way, in doubt, and sent."""
    worker = reading_worker
    for external_id in ("sent", "changed"):
        worker.add(external_id)
    worker.push()
    for what, faults in LOST.items():
        worker.sandbox.set_faults(faults)
        for status, begin in BEGINNINGS.items():
            worker.add(f"{status}-{what}", invitee_name=f"{begin} {what}")
            worker.push()
            worker.let_holds_end()
    worker.sandbox.set_faults(Faults())
    for what in LOST:  # as a worker leaves a row that is killed after its request, or before
        key = f"sending-{what}"
        worker_rows.abandon_attempt(worker, key)
        worker_rows.set_delivery(worker, key, next_attempt_at=None)
        worker_rows.unfinish_attempts(worker, key)
    worker.execute(CHANGED)
    worker.add("due")
    migrate(worker.context.database, to=BEFORE)
    return worker


def stands(worker: WorkerWithSandbox) -> dict[str, Any]:
    """Return how each invite stands, by its key."""
    return {row["external_id"]: row for row in worker.rows(f"SELECT {KEPT} FROM delivery")}  # noqa: S608


def test_an_upgrade_changes_no_row_that_is_on_its_way_or_in_doubt(before: WorkerWithSandbox) -> None:
    """Nothing is settled by it, and nothing becomes due."""
    stood = stands(before)

    assert schema.upgrade(before.context.database)[0] == BEFORE

    assert stands(before) == stood
    assert {key: row["status"] for key, row in stood.items()} == {
        "sent": "sent", "changed": "pending", "due": "pending",
        "unknown-got it": "unknown", "unknown-never got it": "unknown",
        "sending-got it": "sending", "sending-never got it": "sending",
    }  # fmt: skip


def test_after_an_upgrade_each_row_is_sent_once(before: WorkerWithSandbox) -> None:
    """Whose worker is gone is in doubt first; what Envoy has is found there, and the rest is created."""
    schema.upgrade(before.context.database)

    before.push()
    first = {key: row["status"] for key, row in stands(before).items()}
    for _ in range(2):  # a look finds it or not; what is not there is created then
        before.look_to_the_end()
        before.push()

    assert first == {"sent": "sent", "changed": "sent", "due": "sent"} | {
        f"{status}-{what}": "unknown" for status in BEGINNINGS for what in LOST
    }
    assert {row["status"] for row in stands(before).values()} == {"sent"}
    assert sorted(str(one["invitee"]["name"]) for one in before.sandbox.invites()) == sorted(
        ["Visitor sent", "Visitor changed", "Visitor due"]
        + [f"{begin} {what}" for begin in BEGINNINGS.values() for what in LOST]
    )
    assert before.sandbox.ledger()["duplicates"] == []
