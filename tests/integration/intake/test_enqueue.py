"""The function for callers in Python: inside their transaction, and repeatable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import Session as ModelSession

from worker.database import Database
from worker.intake import InputErrors, enqueue
from worker.invites.model import Invite

Stored = Callable[[str], list[tuple[object, ...]]]

ARRIVAL = datetime(2026, 3, 2, 15, tzinfo=UTC)
LOCAL = datetime(2026, 7, 15, 10)  # noqa: DTZ001 -- a wall clock's


def add(
    bind: sa.Connection | Session, external_id: str = "1", name: str = "Jane", arrival: datetime = ARRIVAL
) -> int:
    """Hand in a visit at the office in Berlin."""
    return enqueue(
        bind,
        connection="acme",
        external_id=external_id,
        invitee_name=name,
        expected_arrival_at=arrival,
        location="Berlin",
    )


def test_a_visit_is_there_after_the_callers_commit(database: Database, stored: Stored) -> None:
    """The id that is returned is the row's."""
    with database.write() as connection:
        row_id = add(connection)

    assert stored("id, external_id, status") == [(row_id, "1", "pending")]


def test_a_callers_rollback_takes_the_visit_back(database: Database, stored: Stored) -> None:
    """Nothing is committed behind the caller's back."""
    with database.engine.connect() as connection:
        add(connection)
        connection.rollback()

    assert stored("id") == []


@pytest.mark.parametrize("kind", [Session, ModelSession])
def test_a_session_is_as_good_as_a_connection(
    database: Database, stored: Stored, kind: type[Session]
) -> None:
    """What the session has not written yet is written first, so one external id is one row."""
    with kind(database.engine) as session:
        earlier = Invite(connection="acme", external_id="1", invitee_name="John", expected_arrival_at=ARRIVAL)
        earlier.created_at = earlier.updated_at = ARRIVAL
        session.add(earlier)
        row_id = add(session)
        session.commit()

    assert stored("id, invitee_name") == [(row_id, "Jane")]


def test_an_engine_of_the_callers_own_will_do(database: Database, stored: Stored) -> None:
    """The caller's application need not know the worker's settings."""
    engine = sa.create_engine(database.url)
    with engine.begin() as connection:
        add(connection)
        add(connection, name="John")
    engine.dispose()

    assert stored("invitee_name, revision") == [("John", 2)]


def test_the_same_visit_again_changes_nothing_and_another_content_does(
    database: Database, stored: Stored
) -> None:
    """The id stays the same; only a change raises the revision."""
    ids = set()
    for name in ("Jane", "Jane", "John"):
        with database.write() as connection:
            ids.add(add(connection, name=name))

    assert len(ids) == 1
    assert stored("invitee_name, revision") == [("John", 2)]


def test_two_callers_at_once_get_the_same_row(database: Database, stored: Stored) -> None:
    """The second waits for the first one's commit, and neither fails."""
    added, may_commit = Event(), Event()

    def first() -> int:
        with database.write() as connection:
            row_id = add(connection)
            added.set()
            assert may_commit.wait(10)
            return row_id

    def second() -> int:
        assert added.wait(10)
        may_commit.set()
        with database.write() as connection:
            return add(connection)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(first), pool.submit(second)
        assert one.result(20) == other.result(20)
    assert stored("revision") == [(1,)]


def test_a_bad_visit_writes_nothing_and_names_every_field(database: Database, stored: Stored) -> None:
    """The rules are those of the import."""
    with database.write() as connection, pytest.raises(InputErrors) as caught:
        add(connection, external_id=" ", name="x" * 256)

    assert [error.field for error in caught.value.errors] == ["external_id", "invitee_name"]
    assert stored("id") == []


@pytest.mark.usefixtures("berlin")
def test_a_local_time_is_settled_where_the_directory_knows_the_location(
    database: Database, stored: Stored
) -> None:
    """Ten o'clock in Berlin in July is eight o'clock UTC."""
    with database.write() as connection:
        add(connection, arrival=LOCAL)

    assert str(stored("expected_arrival_at")[0][0]).replace(" ", "T").startswith("2026-07-15T08:00:00")


def test_a_local_time_is_refused_where_the_location_is_not_known(database: Database) -> None:
    """Without a directory, the zone cannot be known."""
    with database.write() as connection, pytest.raises(InputErrors, match="has no zone"):
        add(connection, arrival=LOCAL)
