"""The zygote, one for all tests, and the figures of each test as a line of the report."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.torture.workers import Zygote


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Run the process that workers are forked from."""
    running = Zygote(tmp_path_factory.mktemp("workers"))
    yield running
    running.close()


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Collect the figures of a test, and print them at its end."""
    collected: Counter[str] = Counter()
    began = time.monotonic()
    yield collected
    collected["seconds"] = round(time.monotonic() - began)
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    told = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in collected.items())
    reporter.ensure_newline()
    reporter.write_line(f"{request.node.name}: {told}")
