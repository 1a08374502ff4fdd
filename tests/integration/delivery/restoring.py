"""A database that comes from a backup: what was done since the backup is not in it."""

from typing import Any

from tests.integration.delivery.doubting import ARRIVAL
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox

AS_BEFORE = (
    "UPDATE delivery SET status = 'pending', next_attempt_at = created_at, envoy_invite_id = NULL,"
    " approval_status = NULL, sent_content = NULL, sent_revision = NULL, sent_at = NULL, fencing_token = 0,"
    " attempts = 0, attempt_id = NULL, content_key = NULL WHERE external_id = :key"
)
LINES = "DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE external_id = :key)"


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
    worker.execute(LINES, key=key)
    worker.execute(AS_BEFORE, key=key)


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
