"""The forked_commands, one for all tests, and the figures of each test as a line of the report."""

import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from _pytest.capture import CaptureManager

from tests.workers import ForkedCommands


@pytest.fixture(scope="session")
def forked_commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedCommands]:
    """Run the process that workers are forked from."""
    running = ForkedCommands(tmp_path_factory.mktemp("workers"))
    yield running
    running.close()


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Collect the figures of a test, and print them at its end."""
    collected: Counter[str] = Counter()
    began = time.monotonic()
    yield collected
    collected["seconds"] = round(time.monotonic() - began)
    told = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in collected.items())
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    assert isinstance(capture, CaptureManager)
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\n  {request.node.name}: {told}\n")
