"""A log to write to; what a test configures is undone after it."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker.logs import configure
from worker.logs.configuring import LibraryHandler


@pytest.fixture(autouse=True)
def _undo() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for handler in root.handlers[:]:
        if isinstance(handler, LibraryHandler):
            root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def written() -> io.StringIO:
    """Configure a log of JSON lines from DEBUG on; give the stream that it writes to."""
    stream = io.StringIO()
    configure(format="json", level="debug", stream=stream)
    return stream
