"""Each of the two times can be switched off, and a preview says what would be done."""

import pytest
import structlog

from jobs import prune_history
from tests.integration.retention.conftest import CustomerOverTime
from worker.sandbox import Sandbox


@pytest.mark.parametrize("off", ["PERSONAL_DAYS", "HISTORY_DAYS"])
def test_zero_days_switch_one_of_them_off(database_url: str, sandbox: Sandbox, off: str) -> None:
    """The other one goes on."""
    with structlog.testing.capture_logs():
        customer = CustomerOverTime(database_url, sandbox, **{f"WORKER_RETENTION__{off}": "0"})
        customer.visit()
        customer.worker.push()
        customer.pass_days(500)

        counts = customer.prune().counts
        customer.worker.context.__exit__(None, None, None)

    expected = {"cleared": 1, "attempts_deleted": 1, "runs_deleted": 0}
    expected["cleared" if off == "PERSONAL_DAYS" else "attempts_deleted"] = 0
    assert {name: counts[name] for name in expected} == expected


def test_a_preview_counts_the_same_and_writes_nothing(customer_with_past_visit: CustomerOverTime) -> None:
    """Each count is that of the run that follows."""
    customer_with_past_visit.pass_days(100)
    customer_with_past_visit.visit("ahead")
    tables = ("invite", "delivery", "attempt", "job_run")
    before = [customer_with_past_visit.worker.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608

    would = prune_history.preview(customer_with_past_visit.run_context()).counts
    after = [customer_with_past_visit.worker.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608

    assert after == before
    assert would == customer_with_past_visit.prune().counts
    assert would["cleared"] == would["attempts_deleted"] == 1
