"""Revision 0005 on a database that was in use: nothing is lost, nothing is sent twice, and it never fails."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.integration.migrating import migrate, objects
from tests.waiting import wait_until
from worker import migrations
from worker.database import Database, schema, triggers

PAST = "2020-01-01T00:00:00.000Z"
COLUMNS = (
    "status", "next_attempt_at", "envoy_invite_id", "sent_revision", "attempt_id", "lease_owner",
    "lease_until", "content_key", "error_code", "fencing_token", "revision",
)  # fmt: skip
INVITE = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', :key, 'Ann Example', 'Berlin', '2031-03-01T09:00:00Z')"
)
LEASE = {"lease_owner": "somebody", "lease_until": PAST}
# What the release before let stand, and what becomes of it.
KEPT: dict[str, dict[str, Any]] = {
    "due": {"status": "pending", "next_attempt_at": PAST},
    "being-sent": {"status": "sending", "attempt_id": "a-1", **LEASE},
    "sent": {"status": "sent", "envoy_invite_id": "4001", "sent_revision": 3, "revision": 3},
    "in-doubt": {"status": "unknown", "attempt_id": "a-2", "next_attempt_at": PAST, "content_key": "k"},
    "refused": {"status": "rejected", "error_code": "refused"},
    "gone": {"status": "withdrawn"},
    "over": {"status": "expired", "next_attempt_at": PAST},
}
DUE_AGAIN: dict[str, dict[str, Any]] = {
    "never-due": {"status": "pending"},
    "gone-with-id": {"status": "withdrawn", "envoy_invite_id": "4002"},
    "over-with-id": {"status": "expired", "envoy_invite_id": "4003"},
    "update-without-attempt": {"status": "sending", "envoy_invite_id": "4004", **LEASE, "content_key": "u"},
}
FOR_A_PERSON: dict[str, dict[str, Any]] = {
    "sent-without-id": {"status": "sent", "attempt_id": "a-3", "sent_revision": 1},
    "said-to-be-sent": {"status": "sent", "fencing_token": 0},
    "create-without-attempt": {"status": "sending", **LEASE, "content_key": "c"},
    "doubt-without-attempt": {"status": "unknown", "next_attempt_at": PAST},
}


def put(database: Database, external_id: str, columns: dict[str, Any]) -> None:
    """Write an invite as its caller would, and its delivery as a worker of the release before might."""
    values = {"fencing_token": 1, "next_attempt_at": None, **columns, "key": external_id}
    assigned = ", ".join(f"{name} = :{name}" for name in values if name != "key")
    with database.write() as connection:
        connection.execute(
            sa.text(INVITE),
            {"key": external_id},
        )
        connection.execute(sa.text(f"UPDATE delivery SET {assigned} WHERE external_id = :key"), values)  # noqa: S608


def stands(database: Database) -> dict[str, dict[str, Any]]:
    """Return how each invite stands, by its key."""
    with database.read() as connection:
        rows = connection.execute(sa.text("SELECT * FROM delivery ORDER BY id")).mappings()
        return {row["external_id"]: {name: row[name] for name in COLUMNS} for row in rows}


@pytest.fixture
def before(empty: Database) -> Database:
    """Give a database of the release before, with a delivery of every kind, right and wrong."""
    migrate(empty, to="0004")
    for external_id, columns in {**KEPT, **DUE_AGAIN, **FOR_A_PERSON}.items():
        put(empty, external_id, columns)
    put(empty, "lease-lost", {"status": "sending", "attempt_id": "a-4"})
    put(empty, "revision-lost", {"status": "sent", "envoy_invite_id": "4005", "revision": 2})
    with empty.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, started_at)"
                " SELECT attempt_id, id, 'create', 1, 1, created_at FROM delivery"
                " WHERE attempt_id IS NOT NULL"
            )
        )
    return empty


def test_deliveries_that_lack_what_their_status_needs_are_healed_or_left_for_a_person(
    before: Database,
) -> None:
    """What is right stays; what is safe to repeat is due; what Envoy may have is never sent by itself."""
    stood = stands(before)

    schema.upgrade(before)

    now = stands(before)
    assert {key: now[key] for key in KEPT} == {key: stood[key] for key in KEPT}
    for key in DUE_AGAIN:
        assert (now[key]["status"], now[key]["lease_until"], now[key]["content_key"]) == (
            "pending",
            None,
            None,
        )
        assert now[key]["next_attempt_at"] is not None
        assert now[key]["envoy_invite_id"] == stood[key]["envoy_invite_id"]
    for key in FOR_A_PERSON:
        said = now[key]["status"], now[key]["error_code"], now[key]["next_attempt_at"]
        assert (said, now[key]["fencing_token"]) == (("unknown", "incomplete", None), 1), key
    assert now["revision-lost"]["sent_revision"] == 2
    assert (now["lease-lost"]["status"], now["lease-lost"]["attempt_id"]) == ("sending", "a-4")
    assert None not in (now["lease-lost"]["lease_owner"], now["lease-lost"]["lease_until"])


def test_what_envoy_may_have_is_neither_deleted_nor_renamed(empty: Database) -> None:
    """Even where the release before let a row stand that somebody had written by hand, as if never tried."""
    migrate(empty, to="0004")
    by_hand = {"fencing_token": 0, "envoy_invite_id": "4001", "sent_revision": 1}
    put(empty, "sent", {**by_hand, "status": "sent"})
    put(empty, "due", {**by_hand, "status": "withdrawn", "envoy_invite_id": "4002"})
    put(empty, "in-doubt", {"fencing_token": 0, "status": "unknown", "attempt_id": "a-1"})

    schema.upgrade(empty)

    for external_id in ("sent", "due", "in-doubt"):
        for statement in ("DELETE FROM invite", "UPDATE invite SET external_id = 'other'"):
            with pytest.raises(sa.exc.DBAPIError, match="sent or tried"), empty.write() as connection:
                connection.execute(sa.text(f"{statement} WHERE external_id = :key"), {"key": external_id})


def test_each_row_that_is_left_for_a_person_has_its_line_in_the_ledger(before: Database) -> None:
    """So that a verdict on it finds what was tried, and lines that were there stay."""
    schema.upgrade(before)

    with before.read() as connection:
        lines = connection.execute(
            sa.text(
                "SELECT d.external_id, a.kind, a.verdict FROM delivery AS d JOIN attempt AS a"
                " ON a.id = d.attempt_id AND a.delivery_id = d.id WHERE d.error_code = 'incomplete'"
            )
        ).all()
    told = {line.external_id: (line.kind, line.verdict) for line in lines}
    assert told.pop("sent-without-id") == ("create", None)
    assert told == dict.fromkeys(FOR_A_PERSON.keys() - {"sent-without-id"}, ("create", "unknown"))


def test_each_delivery_knows_its_invite_afterwards(before: Database) -> None:
    """Those without one know that they have none, and all triggers fire."""
    with before.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO delivery (connection, external_id, next_attempt_at, envoy_invite_id)"
                " VALUES ('acme', 'orphan', :past, '4009')"
            ),
            {"past": PAST},
        )

    schema.upgrade(before)

    with before.read() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT d.external_id, d.invite_id, i.id FROM delivery AS d"
                " LEFT JOIN invite AS i ON i.external_id = d.external_id"
            )
        ).all()
    assert {row.external_id for row in rows if row.invite_id is None} == {"orphan"}
    assert all(row.invite_id == row.id for row in rows)
    assert triggers.silent(before) == triggers.Silent(missing=[], switched_off=[])


def test_the_way_back_leads_to_the_schema_of_the_release_before(empty: Database) -> None:
    """Its own triggers, view and columns, as if there had never been another; and forward again."""
    migrate(empty, to="0004")
    older = objects(empty)
    schema.upgrade(empty)
    newer = objects(empty)

    migrate(empty, to="0004")
    assert objects(empty) == older

    schema.upgrade(empty)
    assert objects(empty) == newer


def test_an_upgrade_waits_for_a_caller_s_transaction_and_neither_fails(postgresql_url: str) -> None:
    """A caller that holds a row, and changes it only then, is let through; the upgrade comes after it."""
    database = Database(postgresql_url)
    with database.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    migrate(database, to="0001")
    with database.write() as connection:
        connection.execute(sa.text(INVITE), {"key": "v-1"})
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgresql_url) as caller:
        caller.execute("SELECT 1 FROM invite FOR UPDATE")
        upgraded = pool.submit(schema.upgrade, database)
        wait_until(lambda: _waiting(database) == 1)
        caller.execute("UPDATE invite SET notes = 'new'")
        caller.commit()
        assert upgraded.result(30) == ("0001", migrations.HEAD)

    assert stands(database)["v-1"]["revision"] == 2
    database.dispose()


def _waiting(database: Database) -> int:
    """Return how many transactions wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with database.read() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())
