"""A database that comes from a backup: what was done since the backup is not in it."""

from typing import Any

from tests import worker_rows
from tests.integration.delivery.doubtful_creates import ARRIVAL
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox


def waiting(worker: WorkerWithSandbox, key: str = "v-1", **columns: Any) -> None:
    """Add a visit that is still to be sent."""
    worker.add(key, **{"expected_arrival_at": ARRIVAL.isoformat(), **columns})


def sent_since(worker: WorkerWithSandbox, key: str = "v-1", **columns: Any) -> None:
    """Add a visit that was sent after the backup: Envoy has it, and the database says that it waits."""
    waiting(worker, key, **columns)
    worker.push()
    assert worker.delivery(key)["status"] == "sent"
    forget(worker, key)


def forget(worker: WorkerWithSandbox, key: str = "v-1") -> None:
    """Take a visit back to how the backup has it: never tried."""
    worker_rows.forget_that_it_was_tried(worker, key)


def standing(worker: WorkerWithSandbox, key: str = "v-1") -> tuple[str, str | None]:
    """Return status and error code of a visit."""
    delivery = worker.delivery(key)
    return delivery["status"], delivery["error_code"]


def made(worker: WorkerWithSandbox, key: str = "v-1") -> int:
    """Return how often Envoy was asked to create a visit."""
    return sum(one["name"] == f"Visitor {key}" for one in worker.sandbox.ledger()["creates"])


def there(worker: WorkerWithSandbox, key: str = "v-1") -> list[dict[str, Any]]:
    """Return what Envoy has of a visit."""
    return [one for one in worker.sandbox.invites() if one["invitee"]["name"] == f"Visitor {key}"]


def settle(worker: WorkerWithSandbox) -> None:
    """Push and look until nothing is left."""
    for _ in range(2):
        worker.push()
        worker.look_to_the_end()
    worker.push()
