"""A log to write to and to read back; what a test configures is undone after it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from worker.logs import configure
from worker.logs.configuring import LibraryHandler


class Log:
    """A configured log on a stream in memory."""

    def __init__(self) -> None:
        """Start with an empty stream, as JSON, from DEBUG on."""
        self.stream = io.StringIO()
        configure(format="json", level="debug", stream=self.stream)

    def text(self) -> str:
        """Return all that was written."""
        return self.stream.getvalue()

    def events(self) -> list[dict[str, Any]]:
        """Return every line, read as JSON."""
        return [json.loads(line) for line in self.text().splitlines()]

    def last(self) -> dict[str, Any]:
        """Return the last line, read as JSON."""
        return self.events()[-1]


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
def written() -> Log:
    """Give a configured log."""
    return Log()
