"""What the database keeps a lane from, beside what Envoy does: its lease, its wait, its place in the pace."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import ChangeRefused, ExitCode
from worker.sandbox import Sandbox

FORBIDDEN_ON_SQLITE = """
CREATE TRIGGER no_lease BEFORE UPDATE OF lease_owner ON connection
BEGIN SELECT RAISE(ABORT, 'not here'); END
"""
FORBIDDEN_ON_POSTGRESQL = """
DO LANGUAGE plpgsql $do$
BEGIN
    CREATE FUNCTION no_lease() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$;
    CREATE TRIGGER no_lease BEFORE UPDATE OF lease_owner ON connection
    FOR EACH ROW EXECUTE FUNCTION no_lease();
END
$do$
"""


def test_a_refresh_that_the_database_refuses_ends_the_run(worker: WorkerWithSandbox) -> None:
    """No token comes of it, and no cool-down: the lane would begin the next one at once, without an end."""
    worker.connect()
    worker.add()
    worker_rows.let_access_tokens_end(worker)
    worker.execute(FORBIDDEN_ON_SQLITE if worker.context.database.is_sqlite else FORBIDDEN_ON_POSTGRESQL)

    with pytest.raises((ChangeRefused, IntegrityError)):
        worker.push()

    assert worker.delivery()["status"] == "pending"


@pytest.fixture
def two_customers(postgresql_url: str) -> Iterator[WorkerWithSandbox]:
    """Give a worker on PostgreSQL, where rows are locked; acme has no valid token."""
    with Sandbox(port=0, companies=2) as sandbox:
        made = WorkerWithSandbox(postgresql_url, sandbox, WORKER_PUSH__RATE_PER_SECOND="1000")
        made.connect()
        made.connect("zeta", company_id="10001")
        made.add("v-1")
        made.add("v-2", connection="zeta")
        worker_rows.let_access_tokens_end(made, "acme")
        yield made
        made.context.__exit__(None, None, None)


@contextmanager
def locked(worker: WorkerWithSandbox) -> Iterator[None]:
    """Keep a transaction open that has locked acme's row."""
    with worker.context.database.engine.connect() as other, other.begin():
        other.execute(sa.text("SELECT 1 FROM connection WHERE name = 'acme' FOR UPDATE"))
        yield


@pytest.mark.parametrize(
    ("cooling", "code"),
    [(None, ExitCode.UNREACHABLE), (timedelta(minutes=10), ExitCode.TRY_LATER)],
)
def test_a_connection_that_somebody_has_locked_stops_no_other(
    two_customers: WorkerWithSandbox, cooling: timedelta | None, code: ExitCode
) -> None:
    """Neither where its lease cannot be stored nor where its refresh rests; the exit code says which."""
    worker = two_customers
    if cooling is not None:
        until = worker.context.database.read_now() + cooling
        worker_rows.set_connection(worker, "acme", refresh_retry_at=until)

    with locked(worker):
        report = worker.push()

    assert {key: worker.delivery(key)["status"] for key in ("v-1", "v-2")} == {
        "v-1": "pending",
        "v-2": "sent",
    }
    assert code in report.troubles


def test_a_run_ends_though_somebody_keeps_a_connection_locked(two_customers: WorkerWithSandbox) -> None:
    """No place in its pace can be had then, and nobody knows for how long."""
    worker = two_customers
    tomorrow = worker.context.database.read_now() + timedelta(days=1)
    worker_rows.set_connection(worker, access_expires_at=tomorrow)

    with locked(worker):
        report = worker.push()

    assert {key: worker.delivery(key)["status"] for key in ("v-1", "v-2")} == {
        "v-1": "pending",
        "v-2": "sent",
    }
    assert ExitCode.TRY_LATER in report.troubles
