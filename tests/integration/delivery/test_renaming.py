"""A caller's rename that races a claim: one of them wins, and no invite is in Envoy under another key."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.failpoints import armed

RENAMES = pytest.mark.parametrize(("column", "value"), [("external_id", "v-9"), ("connection", "other")])
REFUSAL = "this invite was sent or tried: set wanted = 'absent' and insert a new row instead of renaming it"


def rename(worker: WorkerWithSandbox, column: str, value: str) -> str:
    """Rename the invite as its caller would; return the database's refusal, nothing where it was done."""
    try:
        worker.execute(f"UPDATE invite SET {column} = :value", value=value)  # noqa: S608
    except sa.exc.IntegrityError as error:
        return str(error.orig)
    return ""


def keys(worker: WorkerWithSandbox) -> list[Mapping[str, Any]]:
    """Return the key of the invite, and that of its delivery."""
    query = "SELECT connection, external_id FROM {}"
    return worker.rows(query.format("invite")) + worker.rows(query.format("delivery"))


@RENAMES
def test_a_rename_before_the_claim_leaves_nothing_to_send_under_the_old_key(
    worker: WorkerWithSandbox, column: str, value: str
) -> None:
    """The row was read and planned under its old key; the claim sees that it has moved on."""
    worker.add()

    with armed("before_claim", action=lambda: rename(worker, column, value)):
        worker.push()
    worker.push()

    (delivery,) = worker.rows("SELECT * FROM delivery")
    old = {"connection": "acme", "external_id": "v-1"}
    assert keys(worker) == [old | {column: value}] * 2
    assert len(worker.attempts()) == len(worker.sandbox.invites()) == (column == "external_id")
    assert delivery["status"] == ("sent" if column == "external_id" else "pending")
    assert {attempt["revision"] for attempt in worker.attempts()} <= {2}, "planned again"


@RENAMES
@pytest.mark.parametrize("place", ["after_intent", "after_envoy_committed", "after_verdict_commit"])
def test_a_rename_after_the_claim_is_refused(
    worker: WorkerWithSandbox, place: str, column: str, value: str
) -> None:
    """Envoy's invite hangs on the key of its attempt, from the intent on and for good."""
    worker.add()
    refusals: list[str] = []

    with armed(place, action=lambda: refusals.append(rename(worker, column, value))):
        worker.push()

    assert [REFUSAL in text for text in refusals] == [True]
    assert keys(worker) == [{"connection": "acme", "external_id": "v-1"}] * 2
    assert worker.delivery()["status"] == "sent"
    assert len(worker.sandbox.invites()) == 1
