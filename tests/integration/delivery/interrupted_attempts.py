"""Attempts that a process left behind when it ended in the midst of them."""

from datetime import UTC, datetime, timedelta

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database.owner import this_process

DEAD = this_process().rpartition("/")[0] + "/1"  # this very process id, begun at another time


def interrupt(worker: WorkerWithSandbox, kind: str, *, owner: str, lease_seconds: float) -> None:
    """Leave an attempt behind as a crash would."""
    until = datetime.now(UTC) + timedelta(seconds=lease_seconds)
    text = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    worker_rows.begin_attempt(worker, "a-1", kind, owner=owner, until=text)
