"""PostgreSQL's ways around a trigger: replication, bulk loads, TRUNCATE, restores, and other triggers."""

import pytest

from tests.integration.contract.caller import Caller, Refused
from worker.database import Database, schema, triggers

AS_A_REPLICA = "SET session_replication_role = replica"


@pytest.fixture
def replica(postgresql_caller: Caller) -> Caller:
    """Give a caller that writes as replication and bulk loaders do, beside an invite that was sent."""
    postgresql_caller.insert()
    postgresql_caller.deliver("sent")
    postgresql_caller.rows(AS_A_REPLICA)
    return postgresql_caller


def test_what_a_replica_writes_counts(replica: Caller) -> None:
    """An insert has its delivery, a change is one, and an untried row goes with its delivery."""
    replica.insert("v-2")
    replica.insert("v-3")
    replica.rows("UPDATE invite SET notes = 'new' WHERE external_id = 'v-1'")
    replica.rows("UPDATE invite SET external_id = 'v-4' WHERE external_id = 'v-3'")
    replica.rows("DELETE FROM invite WHERE external_id = 'v-2'")

    rows = replica.rows("SELECT external_id, status, revision FROM delivery ORDER BY external_id")
    assert [tuple(row.values()) for row in rows] == [("v-1", "pending", 2), ("v-4", "pending", 2)]


def test_what_is_refused_is_refused_to_a_replica_too(replica: Caller) -> None:
    """Envoy has it, no matter who deletes or renames it here."""
    for statement in ("DELETE FROM invite", "UPDATE invite SET external_id = 'v-9'", "TRUNCATE invite"):
        with pytest.raises(Refused, match="set wanted = 'absent'"):
            replica.rows(statement)

    assert replica.delivery()["status"] == "sent"


def test_no_table_that_tells_what_was_sent_is_truncated(postgresql_caller: Caller) -> None:
    """The refusal says what to do; a new load of the same rows would be sent as new visits."""
    postgresql_caller.insert()
    for statement in ("TRUNCATE invite", "TRUNCATE invite CASCADE", "TRUNCATE ONLY invite RESTART IDENTITY"):
        with pytest.raises(Refused, match="set wanted = 'absent' instead, or DELETE what was never tried"):
            postgresql_caller.rows(statement)
    for statement in ("TRUNCATE delivery CASCADE", "TRUNCATE attempt", "TRUNCATE attempt, delivery, invite"):
        with pytest.raises(Refused, match=r"TRUNCATE .* would forget"):
            postgresql_caller.rows(statement)

    assert postgresql_caller.delivery()["status"] == "pending"


def test_an_upgrade_switches_the_triggers_on_again(postgresql_url: str, postgresql_caller: Caller) -> None:
    """A restore of the data alone leaves them so that replication does not fire them."""
    postgresql_caller.rows("ALTER TABLE invite DISABLE TRIGGER ALL")
    postgresql_caller.rows("ALTER TABLE invite ENABLE TRIGGER ALL")
    postgresql_caller.rows("ALTER TABLE delivery DISABLE TRIGGER delivery_truncating")
    database = Database(postgresql_url)
    before = triggers.silent(database)

    schema.upgrade(database)

    after = triggers.silent(database)
    database.dispose()
    assert {"invite_inserted", "invite_truncating", "delivery_truncating"} <= set(before.switched_off)
    assert (before.missing, after.missing, after.switched_off) == ([], [], [])
    postgresql_caller.rows(AS_A_REPLICA)
    postgresql_caller.insert()
    assert postgresql_caller.delivery()["status"] == "pending"


def test_an_upgrade_leaves_a_caller_s_own_triggers_as_they_are(
    postgresql_url: str, postgresql_caller: Caller
) -> None:
    """They are the caller's to switch on or off."""
    _own_trigger(postgresql_caller, "UPDATE", "RETURN NEW")
    postgresql_caller.rows("ALTER TABLE invite DISABLE TRIGGER zz_own")
    database = Database(postgresql_url)

    schema.upgrade(database)

    database.dispose()
    (row,) = postgresql_caller.rows("SELECT tgenabled FROM pg_trigger WHERE tgname = 'zz_own'")
    assert row["tgenabled"] in {"D", b"D"}


def _own_trigger(caller: Caller, event: str, body: str) -> None:
    """Let the caller have a trigger of its own, that comes after all others."""
    caller.rows(f"CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    caller.rows(f"CREATE TRIGGER zz_own BEFORE {event} ON invite FOR EACH ROW EXECUTE FUNCTION own()")


@pytest.mark.parametrize(
    ("event", "statement"),
    [
        ("DELETE", "DELETE FROM invite"),
        ("UPDATE", "UPDATE invite SET external_id = 'v-9', notes = 'new'"),
        (
            "INSERT",
            """INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)
               VALUES ('acme', 'v-7', 'Ann Example', '2031-03-01T09:00:00Z')""",
        ),
    ],
)
def test_what_a_caller_s_own_trigger_suppresses_leaves_no_trace(
    event: str, statement: str, postgresql_caller: Caller
) -> None:
    """A row that stays as it is has its delivery as it was."""
    postgresql_caller.insert()
    before = postgresql_caller.delivery()
    _own_trigger(postgresql_caller, event, "RETURN NULL")

    postgresql_caller.rows(statement)

    assert postgresql_caller.rows("SELECT * FROM delivery") == [before]
