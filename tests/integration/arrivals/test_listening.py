"""PostgreSQL: who listens, when the triggers send, and what a lost connection costs."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from psycopg import sql

from tests.foreign_databases import as_role
from tests.integration.arrivals.conftest import INSERT, Serve, Service, ready, write
from tests.own_server import own_server
from tests.waiting import wait_until
from worker.database import Database
from worker.database.schema import upgrade

LISTENERS = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND query LIKE 'LISTEN envoy_invites_%'"
)
PREPARE = "PREPARE TRANSACTION 'of-a-manager'"


@pytest.fixture
def callers(postgresql_url: str) -> Iterator[Database]:
    """Open a PostgreSQL database as a caller."""
    database = Database(postgresql_url)
    yield database
    database.dispose()


def announced(database: Database) -> bool:
    """Return whether the triggers send."""
    with database.read() as connection:
        return bool(connection.execute(sa.text("SELECT announced FROM arrival")).scalar())


def test_nothing_is_sent_before_somebody_listens(
    postgresql_url: str, callers: Database, serve: Serve
) -> None:
    """The migration alone changes nothing for callers; the first service that listens does."""
    before = announced(callers)
    ready(serve(postgresql_url))

    assert (before, announced(callers)) == (False, True)


def test_a_lost_connection_is_made_again(postgresql_url: str, callers: Database, serve: Serve) -> None:
    """And what was written while nobody listened is noticed then."""
    service = ready(serve(postgresql_url))
    with callers.read() as connection:
        (lost,) = connection.execute(sa.text(LISTENERS)).scalars()
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
    write(callers, INSERT, key="v-1")

    assert service.hears()
    with callers.read() as connection:
        (listens,) = connection.execute(sa.text(LISTENERS)).scalars()
    assert listens != lost
    write(callers, INSERT, key="v-2")
    assert service.hears()


def test_nobody_listens_behind_a_pooler(pooled_url: str, serve: Serve) -> None:
    """The connection to the server would be another client's; it is said once, and no trigger sends."""
    with structlog.testing.capture_logs() as logs:
        service = serve(pooled_url)
        wait_until(lambda: bool(logs))
        with service.database.read() as connection:
            listeners = connection.execute(sa.text(LISTENERS)).all()

    assert [(line["event"], line["error_code"]) for line in logs] == [("arrivals.polled", "pooled")]
    assert (listeners, announced(service.database)) == ([], False)
    assert service.is_quiet()


def test_a_caller_may_prepare_its_transaction_where_the_operator_said_so(serve: Serve) -> None:
    """PostgreSQL refuses it while a service listens; `notify = false` reaches the triggers at its start."""
    with own_server({"max_prepared_transactions": "2"}) as server:
        database = Database(server.url)
        first = ready(serve(server.url))
        with psycopg.connect(server.url) as caller:
            caller.execute(INSERT.replace(":key", "'v-1'").encode())
            with pytest.raises(psycopg.errors.FeatureNotSupported, match="NOTIFY"):
                caller.execute(PREPARE)
        first.end()
        serve(server.url, notify=False)
        wait_until(lambda: not announced(database))

        with psycopg.connect(server.url) as caller:
            caller.execute(INSERT.replace(":key", "'v-2'").encode())
            caller.execute(PREPARE)
        with psycopg.connect(server.url, autocommit=True) as caller:
            caller.execute("COMMIT PREPARED 'of-a-manager'")
        with database.read() as connection:
            left = connection.execute(sa.text("SELECT external_id FROM invite")).scalars().all()
        database.dispose()

    assert left == ["v-2"]


def test_schemas_of_one_database_do_not_wake_each_other(postgresql_url: str, serve: Serve) -> None:
    """Channels belong to a database, and each schema may have a worker of its own."""
    urls = [
        f"{postgresql_url}{'&' if '?' in postgresql_url else '?'}options=-csearch_path%3D{name}"
        for name in ("one", "two")
    ]
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        for name in ("one", "two"):
            server.execute(f"CREATE SCHEMA {name}".encode())
    databases = [Database(url) for url in urls]
    for database in databases:
        upgrade(database)
    services: list[Service] = [ready(serve(url)) for url in urls]
    write(databases[0], INSERT, key="v-1")

    assert services[0].hears()
    assert services[1].is_quiet()
    for database in databases:
        database.dispose()


def test_a_role_that_may_only_write_invites_wakes_the_service(
    postgresql_url: str, callers: Database, serve: Serve
) -> None:
    """The trigger looks with its owner's rights."""
    service = ready(serve(postgresql_url))
    with callers.write() as connection:
        for statement in (
            "CREATE ROLE writing",
            "GRANT INSERT ON invite TO writing",
            "SET LOCAL ROLE writing",
            INSERT.replace(":key", "'v-1'"),
            "RESET ROLE",
            "REVOKE INSERT ON invite FROM writing",
            "DROP ROLE writing",
        ):
            connection.execute(sa.text(statement))

    assert service.hears()


def test_a_right_that_an_upgrade_did_not_give_is_told_and_found_later(
    postgresql_url: str, serve: Serve
) -> None:
    """Where another role migrates: the runs need no right on that table, so that nobody else would tell."""
    role = f"sending_{uuid.uuid4().hex[:8]}"
    name = sql.Identifier(role)
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        owner.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(name)
        )
        owner.execute(sql.SQL("REVOKE ALL ON arrival FROM {}").format(name))
        with structlog.testing.capture_logs() as logs:
            service = serve(as_role(postgresql_url, role))
            wait_until(lambda: bool(logs))
            owner.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE ON arrival TO {}").format(name))
            ready(service)
        service.end()
        owner.execute(sql.SQL("DROP OWNED BY {}").format(name))
        owner.execute(sql.SQL("DROP ROLE {}").format(name))

    (told,) = logs
    assert (told["event"], told["error_code"]) == ("arrivals.polled", "database_refused")
    assert "arrival" in told["detail"]
