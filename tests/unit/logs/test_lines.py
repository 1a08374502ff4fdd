"""Each event is one line: JSON for machines, readable for a person, and never too long."""

import io
import json
import re
from typing import Any, NoReturn

import pytest
import structlog

from worker.logs import add_secret, configure, mask_text
from worker.logs.rendering import LONGEST_LINE, json_line

log = structlog.get_logger()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read every line back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def last(stream: io.StringIO) -> dict[str, Any]:
    """Read the last line back."""
    return events(stream)[-1]


def fail(text: str) -> NoReturn:
    """Raise an error with that text."""
    raise ValueError(text)


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Return true."""
        return True


def test_an_event_is_one_json_object_with_its_name_first(written: io.StringIO) -> None:
    """Time, level and name come first, then what identifies, then the rest by name."""
    log.info(
        "invite.sent", zebra=1, duration_ms=12, external_id="v-1", connection="acme", approval_status="ok"
    )

    assert written.getvalue().count("\n") == 1
    assert list(last(written)) == [
        "ts", "level", "event", "connection", "external_id", "duration_ms", "approval_status", "zebra",
    ]  # fmt: skip
    assert last(written)["event"] == "invite.sent"
    assert last(written)["level"] == "info"


def test_the_time_is_utc_with_milliseconds(written: io.StringIO) -> None:
    """RFC 3339, in UTC, with Z, whatever the host's zone."""
    log.info("worker.started")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", last(written)["ts"])


def test_events_below_the_level_are_not_written() -> None:
    """At WARNING an INFO event costs nothing and shows nothing."""
    stream = io.StringIO()
    configure(format="json", level="warning", stream=stream)

    log.info("invite.sent")
    log.warning("invite.deferred")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["invite.deferred"]


def test_a_logger_follows_when_the_log_is_configured_again(written: io.StringIO) -> None:
    """Loggers that modules took at import, even bound ones, write to the newest stream."""
    bound = log.bind(job="push_invites")
    bound.info("job.started")
    second = io.StringIO()
    configure(format="json", level="info", stream=second)

    log.info("job.finished")
    log.bind(job="push_invites").info("job.finished")

    assert len(events(written)) == 1
    assert second.getvalue().count("\n") == 2


def test_what_a_run_binds_stands_in_every_event(written: io.StringIO) -> None:
    """The run's id, job and trigger need not be handed on."""
    with structlog.contextvars.bound_contextvars(run_id="r-1", job="push_invites", trigger="manual"):
        log.info("invite.sent")
    log.info("invite.sent")

    assert events(written)[0]["run_id"] == "r-1"
    assert "run_id" not in last(written)


def test_an_exception_is_a_text_without_local_values(written: io.StringIO) -> None:
    """The traceback tells where and what, not what the variables held."""

    def break_on(secret: str) -> NoReturn:
        raise ValueError(f"broke on {len(secret)} characters")

    try:
        break_on("jane-doe-local-value")
    except ValueError:
        log.exception("job.failed", hint="look at the traceback")

    event = last(written)
    assert event["level"] == "error"
    assert "ValueError: broke on 20 characters" in event["exception"]
    assert "in break_on" in event["exception"]
    assert list(event)[-1] == "exception"


def test_known_secrets_are_masked_in_every_part_of_an_event(written: io.StringIO) -> None:
    """Also in the name of the event, in nested values, and in an exception that quotes them."""
    add_secret("rotated-token-0123456789")
    try:
        fail("rotated-token-0123456789")
    except ValueError:
        log.exception("saw rotated-token-0123456789", detail=["x rotated-token-0123456789"])

    assert "rotated-token" not in written.getvalue()
    assert mask_text("x rotated-token-0123456789") == "x [redacted]"


def test_the_secrets_handed_over_at_the_start_are_masked() -> None:
    """The client secret and the keys are known from the first line on."""
    stream = io.StringIO()
    configure(format="json", level="info", stream=stream, secrets=["the-client-secret-of-envoy"])

    log.info("worker.started", detail="the-client-secret-of-envoy")

    assert "the-client-secret" not in stream.getvalue()


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600", '"', "\x00", "\ud800"])
def test_no_line_is_too_long(letter: str) -> None:
    """Heroku splits a line at 10,000 bytes; whatever is logged, ours stay below 8,000."""
    fields = {f"field_{number}": letter * 1_000 for number in range(60)}

    line = json_line({"ts": "t", "level": "info", "event": "job.finished", "hint": letter * 900, **fields})

    assert len(line.encode("utf-8", "backslashreplace")) < LONGEST_LINE
    assert json.loads(line)["event"] == "job.finished"
    assert json.loads(line)["cut"] is True


def test_cutting_keeps_what_identifies() -> None:
    """A long traceback is cut, not the ids beside it."""
    line = json_line(
        {"ts": "t", "level": "error", "event": "job.failed", "run_id": "r-1", "exception": "ü" * 5_000}
    )

    assert json.loads(line)["run_id"] == "r-1"
    assert json.loads(line)["exception"].startswith("ü")


def test_auto_is_json_for_a_pipe_and_readable_for_a_terminal() -> None:
    """Anyone who collects the log gets JSON without asking; a person gets text."""
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        configure(format="auto", level="info", stream=stream)
        log.info("invite.sent", connection="acme")

    assert json.loads(pipe.getvalue())["connection"] == "acme"
    assert "invite.sent" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("env", "stream", "coloured"),
    [
        ({"TERM": "xterm"}, Terminal(), True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Terminal(), False),
        ({"TERM": "dumb"}, Terminal(), False),
        ({"TERM": "xterm"}, io.StringIO(), False),
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(), False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    env: dict[str, str], stream: io.StringIO, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR beats FORCE_COLOR, which beats what the terminal says of itself."""
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    configure(format="console", level="info", stream=stream)

    log.error("invite.rejected", connection="acme")

    assert ("\x1b[" in stream.getvalue()) is coloured


def test_the_readable_form_shows_the_exception_and_no_secret() -> None:
    """A person sees the traceback below the event, redacted as everywhere."""
    stream = io.StringIO()
    configure(format="console", level="info", stream=stream)
    try:
        fail("refresh_token=abcdef123456")
    except ValueError:
        log.exception("job.failed", access_token="abcdef123456")

    assert "Traceback" in stream.getvalue()
    assert "abcdef123456" not in stream.getvalue()
