"""The libraries' own records go through the same chain, and the talkative ones are kept quiet."""

import io
import json
import logging
import warnings
from typing import Any, NoReturn

import pytest

from worker.logs import configure
from worker.logs.configuring import LibraryHandler


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read every line back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def last(stream: io.StringIO) -> dict[str, Any]:
    """Read the last line back."""
    return events(stream)[-1]


def fail(text: str) -> NoReturn:
    """Raise an error with that text."""
    raise ValueError(text)


def test_a_library_s_record_becomes_an_event_of_ours(written: io.StringIO) -> None:
    """It has our fields, the library's name, and its text as the event."""
    logging.getLogger("apscheduler.scheduler").warning("Run time of job %s was missed", "push_invites")

    event = last(written)
    assert list(event)[:3] == ["ts", "level", "event"]
    assert event["level"] == "warning"
    assert event["event"] == "Run time of job push_invites was missed"
    assert event["logger"] == "apscheduler.scheduler"


def test_a_library_s_record_is_redacted(written: io.StringIO) -> None:
    """Its text and its exception pass the same masks."""
    try:
        fail("GET https://app.example/?code=abcdef123456 for jane@example.com")
    except ValueError:
        logging.getLogger("some.library").exception("failed with Bearer abcdef123456")

    assert "abcdef123456" not in written.getvalue()
    assert "jane" not in written.getvalue()
    assert "ValueError" in last(written)["exception"]


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.http11", "h2", "sqlalchemy.engine.Engine"])
def test_talkative_libraries_stay_at_warning(name: str, written: io.StringIO) -> None:
    """At DEBUG they would write headers, URLs and whole rows."""
    logging.getLogger(name).info("GET https://api.example/")
    logging.getLogger(name).debug("row (Jane)")
    logging.getLogger(name).warning("pool is full")

    assert [event["event"] for event in events(written)] == ["pool is full"]


def test_a_level_above_warning_holds_for_them_too() -> None:
    """Quiet means at least WARNING, not exactly."""
    stream = io.StringIO()
    configure(format="json", level="error", stream=stream)

    logging.getLogger("httpx").warning("pool is full")

    assert not stream.getvalue()


def test_a_warning_of_python_is_an_event(written: io.StringIO) -> None:
    """Warnings do not stand between the lines as loose text."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("this will go away, says jane@example.com", DeprecationWarning, stacklevel=1)

    assert last(written)["logger"] == "py.warnings"
    assert "this will go away" in last(written)["event"]
    assert "jane" not in written.getvalue()


def test_a_record_that_cannot_be_formatted_raises_nothing(written: io.StringIO) -> None:
    """A library's mistake in its own logging is counted, and shows in the next line."""
    record = logging.makeLogRecord({"msg": "%d pieces", "args": ("no number",), "levelname": "WARNING"})
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LibraryHandler):
            handler.handle(record)
    logging.getLogger("some.library").warning("fine")

    assert [event["event"] for event in events(written)] == ["fine"]
    assert last(written)["logs_dropped"] == 1


def test_configuring_twice_writes_each_record_once() -> None:
    """The handler of before is taken away; the handlers of others are left alone."""
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    first, second = io.StringIO(), io.StringIO()
    configure(format="json", level="info", stream=first)
    configure(format="json", level="info", stream=second)

    logging.getLogger("some.library").warning("once")

    assert not first.getvalue()
    assert json.loads(second.getvalue())["event"] == "once"
    assert other in logging.getLogger().handlers
    logging.getLogger().removeHandler(other)
