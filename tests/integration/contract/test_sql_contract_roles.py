"""A caller on PostgreSQL with a role of its own, which may touch table ``invite`` and nothing else."""

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.integration.contract.caller import Caller, Refused


@pytest.fixture
def restricted_caller(postgresql_url: str) -> Iterator[Caller]:
    """Give a caller whose role has rights on the caller's table and the view alone."""
    role = f"caller_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        for statement in (
            "CREATE ROLE {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON invite TO {}",
            "GRANT SELECT ON invite_status TO {}",
        ):
            owner.execute(sql.SQL(statement).format(sql.Identifier(role)))
        caller = Caller(postgresql_url)
        caller.rows(f"SET ROLE {role}")
        yield caller
        caller.close()
        owner.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(role)))
        owner.execute(sql.SQL("DROP ROLE {0}").format(sql.Identifier(role)))


def test_rights_on_the_table_are_enough(restricted_caller: Caller) -> None:
    """Insert, change, rename, delete and read back; the triggers act with their owner's rights."""
    restricted_caller.insert("v-1")
    restricted_caller.insert("v-2")
    restricted_caller.rows("UPDATE invite SET notes = 'new' WHERE external_id = 'v-1'")
    restricted_caller.rows("UPDATE invite SET external_id = 'v-3' WHERE external_id = 'v-2'")
    restricted_caller.rows("DELETE FROM invite WHERE external_id = 'v-3'")

    (row,) = restricted_caller.rows("SELECT external_id, status, revision FROM invite_status")
    assert row == {"external_id": "v-1", "status": "pending", "revision": 2}


@pytest.mark.parametrize("table", ["delivery", "attempt", "connection", "job"])
def test_the_worker_s_tables_stay_closed(table: str, restricted_caller: Caller) -> None:
    """A caller can neither read tokens nor write states."""
    for statement in ("SELECT 1 FROM ", "DELETE FROM "):
        with pytest.raises(Refused, match="permission denied"):
            restricted_caller.rows(statement + table)


def test_the_triggers_cannot_be_called_for_other_purposes(restricted_caller: Caller) -> None:
    """They act with their owner's rights, so nobody else may direct them."""
    restricted_caller.rows(
        "CREATE TEMP TABLE delivery (connection text, external_id text, next_attempt_at timestamptz)"
    )
    restricted_caller.insert()

    assert not restricted_caller.rows("SELECT * FROM pg_temp.delivery")
    assert restricted_caller.one("SELECT status FROM invite_status") == {"status": "pending"}


def test_a_delete_waits_for_a_claim_and_is_then_refused(
    postgresql_url: str, restricted_caller: Caller
) -> None:
    """Between the two there is no moment in which an invite is both deleted and sent."""
    restricted_caller.insert()
    outcome: list[str] = []

    def delete() -> None:
        try:
            restricted_caller.rows("DELETE FROM invite")
        except psycopg.Error as error:
            outcome.append(str(error))

    deleting = threading.Thread(target=delete)
    with psycopg.connect(postgresql_url) as worker:
        worker.execute(
            "UPDATE delivery SET status = 'sending', fencing_token = 1, attempt_id = 'a-1',"
            " lease_owner = 'somebody', lease_until = now()"
        )
        deleting.start()
        deleting.join(0.3)
        assert deleting.is_alive()
        worker.commit()
    deleting.join(10)

    assert "set wanted = 'absent'" in outcome[0]
    assert restricted_caller.one("SELECT status FROM invite_status") == {"status": "sending"}
