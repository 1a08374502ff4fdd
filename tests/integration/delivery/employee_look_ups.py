"""Workers whose customer lets us look employees up, and what Envoy was asked about them."""

import json

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox

WITH_EMPLOYEES = json.dumps(
    ["locations.read", "flows.read", "invites.write", "employees.read", "token.refresh"]
)
SINGAPORE, BERLIN = "100003", "100002"
LENA, WEI_LING = "300003", "300005"  # of Berlin and of Singapore
LENAS_EMAIL, WEI_LINGS_EMAIL = "lena.brandt@example.com", "wei.ling.tan@example.com"


def looks(worker: WorkerWithSandbox) -> int:
    """Return how often Envoy was asked for employees, by e-mail or by id."""
    routes = worker.sandbox.ledger()["by_route"]
    return sum(sum(routes.get(f"GET /v1/employees{rest}", {}).values()) for rest in ("", "/{id}"))


def host(worker: WorkerWithSandbox, external_id: str = "v-1") -> str | None:
    """Return the e-mail of a visit's host as Envoy has it."""
    found = [one for one in worker.sandbox.invites() if one["invitee"]["name"] == f"Visitor {external_id}"]
    return found[0]["host"]["email"] if found and found[0]["host"] else None


def error(worker: WorkerWithSandbox, external_id: str = "v-1") -> tuple[str, str, str]:
    """Return the status, error code and detail of a visit."""
    row = worker.delivery(external_id)
    return row["status"], row["error_code"], row["error_detail"] or ""
