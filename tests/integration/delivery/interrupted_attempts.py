"""Attempts that a process left behind when it ended in the midst of them."""

from datetime import UTC, datetime, timedelta

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database.owner import this_process

DEAD = this_process().rpartition("/")[0] + "/1"  # this very process id, begun at another time


def interrupt(worker: WorkerWithSandbox, kind: str, *, owner: str, lease_seconds: float) -> None:
    """Leave an attempt behind as a crash would."""
    until = datetime.now(UTC) + timedelta(seconds=lease_seconds)
    text = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    worker.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, owner, started_at)"
        " SELECT 'a-1', id, :kind, revision, 1, :owner, updated_at FROM delivery",
        kind=kind,
        owner=owner,
    )
    worker.execute(
        "UPDATE delivery SET status = 'sending', fencing_token = 1, attempt_id = 'a-1',"
        " lease_owner = :owner, lease_until = :until",
        owner=owner,
        until=text,
    )
