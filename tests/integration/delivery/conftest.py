"""A worker's parts on a fresh database, connected to a sandbox of their own."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
import structlog

from tests.integration.delivery.doubtful_creates import ARRIVAL
from tests.integration.delivery.journal_with_rows import JournalWithRows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.postgresql import Databases
from worker.database import Database
from worker.sandbox import Sandbox

Fresh = Callable[[], AbstractContextManager[str]]


class MakeWorker(Protocol):
    """Make a worker of a test's own settings."""

    def __call__(self, **settings: str) -> WorkerWithSandbox:
        """Make it."""
        ...


ALL_SCOPES = (
    "locations.read", "flows.read", "invites.read", "invites.write", "employees.read", "token.refresh",
)  # fmt: skip


READING_SCOPES = ("locations.read", "flows.read", "invites.write", "invites.read", "token.refresh")


@pytest.fixture
def sandbox_scopes() -> tuple[str, ...]:
    """Name the scopes that the sandbox's company is ready to grant."""
    return ALL_SCOPES


@pytest.fixture
def sandbox(sandbox_scopes: tuple[str, ...]) -> Iterator[Sandbox]:
    """Run a sandbox."""
    with Sandbox(port=0, scopes=sandbox_scopes) as running:
        yield running


@pytest.fixture
def make_worker(database_url: str, sandbox: Sandbox) -> Iterator[MakeWorker]:
    """Make workers, and close them at the end."""
    made: list[WorkerWithSandbox] = []

    def make(**settings: str) -> WorkerWithSandbox:
        made.append(WorkerWithSandbox(database_url, sandbox, **settings))
        return made[-1]

    yield make
    for worker in made:
        worker.context.__exit__(None, None, None)


@pytest.fixture
def journal_with_rows(database: Database) -> Iterator[JournalWithRows]:
    """Give a journal and six due rows."""
    made = JournalWithRows(database, 6)
    yield made
    made.close()


@pytest.fixture
def reading_worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites."""
    made = make_worker(WORKER_ENVOY__SCOPES=json.dumps(READING_SCOPES))
    made.connect()
    return made


@pytest.fixture
def recreating_worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker that makes again what is missing in Envoy, and that may read invites."""
    made = make_worker(WORKER_PUSH__RECREATE_MISSING="true", WORKER_ENVOY__SCOPES=json.dumps(READING_SCOPES))
    made.connect()
    return made


@pytest.fixture
def worker_with_invite(reading_worker: WorkerWithSandbox) -> Iterator[WorkerWithSandbox]:
    """Give the same with one invite that Envoy is known to have."""
    reading_worker.add("known", expected_arrival_at=(ARRIVAL + timedelta(days=1)).isoformat())
    reading_worker.push()
    with structlog.testing.capture_logs():
        yield reading_worker


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a connected worker."""
    made = make_worker()
    made.connect()
    return made


@pytest.fixture
def fresh_sqlite(sqlite_template: Path, tmp_path: Path) -> Fresh:
    """Give a way to fresh SQLite databases."""

    @contextmanager
    def fresh() -> Iterator[str]:
        path = tmp_path / f"{uuid.uuid4().hex}.db"
        shutil.copy(sqlite_template, path)
        path.chmod(0o600)
        yield f"sqlite:///{path}"
        for file in tmp_path.glob(f"{path.name}*"):
            file.unlink()

    return fresh


@pytest.fixture
def fresh_postgresql(postgresql_databases: Databases) -> Fresh:
    """Give a way to fresh PostgreSQL databases."""
    return postgresql_databases.fresh


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_worker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerWithSandbox]:
    """Give one connected worker of each kind to all tests of a module, which each add a row of their own.

    Its customer lets us read invites.
    """
    with ExitStack() as kept:
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("shared") / "worker.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            path.chmod(0o600)
            url = f"sqlite:///{path}?timeout=1"  # anyone who waits here waits for itself
        else:
            databases: Databases = request.getfixturevalue("postgresql_databases")
            url = kept.enter_context(databases.fresh())
        scopes = ["locations.read", "flows.read", "invites.write", "invites.read", "token.refresh"]
        sandbox = kept.enter_context(Sandbox(port=0, scopes=ALL_SCOPES))
        made = WorkerWithSandbox(url, sandbox, WORKER_ENVOY__SCOPES=json.dumps(scopes))
        kept.enter_context(made.context)
        made.connect()
        yield made
