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

from tests.integration.delivery.desks import Desk
from tests.integration.delivery.doubting import ARRIVAL
from tests.integration.delivery.world import World
from tests.postgresql import Databases
from worker.database import Database
from worker.sandbox import Sandbox

Fresh = Callable[[], AbstractContextManager[str]]


class MakeWorld(Protocol):
    """Make a world of a test's own settings."""

    def __call__(self, **settings: str) -> World:
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
def make_world(database_url: str, sandbox: Sandbox) -> Iterator[MakeWorld]:
    """Make worlds, and close them at the end."""
    made: list[World] = []

    def make(**settings: str) -> World:
        made.append(World(database_url, sandbox, **settings))
        return made[-1]

    yield make
    for world in made:
        world.context.__exit__(None, None, None)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    """Give a journal and six due rows."""
    made = Desk(database, 6)
    yield made
    made.close()


@pytest.fixture
def reading_world(make_world: MakeWorld) -> World:
    """Give a world whose customer lets us read invites."""
    made = make_world(WORKER_ENVOY__SCOPES=json.dumps(READING_SCOPES))
    made.connect()
    return made


@pytest.fixture
def recreating(make_world: MakeWorld) -> World:
    """Give a world that makes again what is missing in Envoy, and that may read invites."""
    made = make_world(WORKER_PUSH__RECREATE_MISSING="true", WORKER_ENVOY__SCOPES=json.dumps(READING_SCOPES))
    made.connect()
    return made


@pytest.fixture
def known_world(reading_world: World) -> Iterator[World]:
    """Give the same with one invite that Envoy is known to have."""
    reading_world.add("known", expected_arrival_at=(ARRIVAL + timedelta(days=1)).isoformat())
    reading_world.push()
    with structlog.testing.capture_logs():
        yield reading_world


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Give a connected world."""
    made = make_world()
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
def shared_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give one connected world of each kind to all tests of a module, which each add a row of their own.

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
        made = World(url, sandbox, WORKER_ENVOY__SCOPES=json.dumps(scopes))
        kept.enter_context(made.context)
        made.connect()
        yield made
