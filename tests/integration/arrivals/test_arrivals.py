"""What callers write is noticed when they commit it; what we write ourselves wakes nobody."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.arrivals.conftest import INSERT, Serve, Service, ready, write
from worker.arrivals import announce
from worker.connections.store import resume
from worker.database import Database
from worker.invites import moves, store

CHANGES = {
    "content": "UPDATE invite SET notes = 'Third floor'",
    "called off": "UPDATE invite SET wanted = 'absent'",
    "renamed": "UPDATE invite SET external_id = 'v-9' WHERE external_id = 'v-2'",
}
NO_CHANGES: dict[str, Callable[[Database], None]] = {
    "nothing": lambda database: write(database, "UPDATE invite SET location = location, notes = notes"),
    "cleared": lambda database: write(
        database,
        "UPDATE invite SET invitee_name = '(cleared)', invitee_email = NULL, notes = NULL,"
        " cleared_at = '2035-06-01T10:00:00Z'",
    ),
    "claimed": lambda database: worker_rows.set_delivery(worker_rows.At(database), attempts=1),
    "ours": lambda database: worker_rows.add_connection(worker_rows.At(database), "globex", status="active"),
}


@pytest.fixture
def service(database_url: str, database: Database, serve: Serve) -> Service:
    """Give a service that notices, on a database with an invite that was sent, and one that was not."""
    write(database, INSERT, key="v-1")
    worker_rows.let_all_be_sent(worker_rows.At(database))
    write(database, INSERT, key="v-2")
    return ready(serve(database_url))


def test_an_insert_is_noticed(service: Service, database: Database) -> None:
    """Once for a transaction, however many rows it has."""
    before = service.arrivals.count
    with database.write() as connection:
        for number in range(500):
            connection.execute(sa.text(INSERT), {"key": f"many-{number}"})

    assert service.hears()
    assert service.arrivals.count == before + 1


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_is_noticed(service: Service, database: Database, change: str) -> None:
    """Whatever makes something due again."""
    write(database, change)

    assert service.hears()


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=list(NO_CHANGES))
def test_what_makes_nothing_due_wakes_nobody(
    service: Service, database: Database, change: Callable[[Database], None]
) -> None:
    """A save that changes nothing, a clear, and all that the worker writes in its own tables."""
    change(database)

    assert service.is_quiet()


def test_what_is_rolled_back_wakes_nobody(service: Service, database: Database) -> None:
    """It was never written."""
    with database.engine.connect() as connection:
        connection.execute(sa.text(INSERT), {"key": "v-3"})
        connection.rollback()

    assert service.is_quiet()


def test_what_comes_close_together_is_one(service: Service, database: Database) -> None:
    """A caller that commits each row by itself makes five runs a second at most."""
    before = service.arrivals.count
    for number in range(20):
        write(database, INSERT, key=f"single-{number}")

    assert service.hears()
    assert service.arrivals.count - before < 20


def test_what_no_trigger_sees_may_be_announced(service: Service, database: Database) -> None:
    """A command that makes something due in our own tables."""
    with database.write() as connection:
        announce(connection)

    assert service.hears()


def test_it_ends_with_its_process(service: Service) -> None:
    """At once, and gives its connection back."""
    service.end()

    assert service.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_command_that_makes_something_due_is_noticed(service: Service, database: Database) -> None:
    """An operator retries a row, or resumes a connection, and does not wait for the next run."""
    at = worker_rows.At(database)
    worker_rows.set_status(at, "rejected", "v-2")
    worker_rows.add_connection(at, status="active", hold_reason="paused")
    moves.retry(database, store.require(database, "acme/v-2"))
    retried = service.hears()
    resume(database, "acme")

    assert (retried, service.hears()) == (True, True)


@pytest.mark.parametrize("envoy_invite_id", [None, "4001"], ids=["Envoy has it not", "Envoy has it"])
def test_a_verdict_of_a_person_is_noticed(
    service: Service, database: Database, envoy_invite_id: str | None
) -> None:
    """What was in doubt is sent again, or its changes since then are, without waiting for the next run."""
    worker_rows.leave_in_doubt(worker_rows.At(database), "a-1", "v-2", next_attempt_at=None)
    standing = store.require(database, "acme/v-2")
    quiet = service.is_quiet()

    moves.resolve(database, standing, envoy_invite_id=envoy_invite_id)

    assert (quiet, service.hears()) == (True, True)
