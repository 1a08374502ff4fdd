"""An installation on each database, with a sandbox of its own."""

from collections.abc import Iterator

import pytest

from tests.acceptance.installation import Installation
from worker.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox that grants what it is asked for."""
    with Sandbox(port=0) as running:
        yield running


@pytest.fixture
def installation(database_url: str, sandbox: Sandbox) -> Iterator[Installation]:
    """Give an installation on a fresh database."""
    made = Installation(database_url, sandbox)
    yield made
    made.database.dispose()
