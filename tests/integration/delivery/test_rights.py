"""PostgreSQL roles that can do no more than the page docs/sql-contract.md gives them."""

import psycopg
import pytest

from jobs import keep_tokens_fresh, prune_history
from tests.foreign_databases import ForeignServer, as_role, execute, migrated
from tests.integration.delivery.conftest import MakeWorker


@pytest.fixture(params=["sender", "own schema", "owner"])
def database_url(request: pytest.FixtureRequest, foreign_server: ForeignServer) -> str:
    """Give a migrated database for a role with the rights of one of the page's examples."""
    role = foreign_server.role()
    if request.param == "owner":
        return migrated(foreign_server.database("GRANT USAGE, CREATE ON SCHEMA public TO {}", role=role))
    if request.param == "own schema":
        url = foreign_server.database(
            "CREATE TABLE invite (id int)",
            "CREATE SCHEMA envoy",
            "GRANT ALL ON SCHEMA envoy TO {}",
            role=role,
        )
        execute(url.replace(role, "postgres", 1), f"ALTER ROLE {role} SET search_path = envoy")
        return migrated(url)
    url = migrated(foreign_server.database())
    execute(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    return as_role(url, role)


def test_the_rights_of_the_page_are_enough(database_url: str, make_worker: MakeWorker) -> None:
    """To connect, to read the directory, to take a visit, to send, change and remove it."""
    worker = make_worker()
    worker.connect()
    worker.add("v-1")
    worker.add("v-2")

    assert dict(+worker.push().counts) == {"sent": 2}
    worker.execute("UPDATE invite SET notes = 'Third floor' WHERE external_id = 'v-1'")
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-2'")
    assert dict(+worker.push().counts) == {"updated": 1, "withdrawn": 1}
    worker.reconcile()
    prune_history.run(worker.run_context())
    keep_tokens_fresh.run(worker.run_context())

    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM attempt").fetchone() == (4,)
