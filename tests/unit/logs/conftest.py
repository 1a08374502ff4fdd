"""A log to write to."""

import io

import pytest

from worker.logs import configure


@pytest.fixture
def written() -> io.StringIO:
    """Configure a log of JSON lines from DEBUG on; give the stream that it writes to."""
    stream = io.StringIO()
    configure(format="json", level="debug", stream=stream)
    return stream
