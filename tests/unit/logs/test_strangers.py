"""What strangers write acts in no line of the log, in neither form."""

import io
import json
import logging
import random
from typing import Any, Literal, NoReturn

import pytest
import structlog

from tests.strangers import acts, hostile
from worker.logs import configure

log = structlog.get_logger()
FORGED = "\n2026-01-01T00:00:00Z [error    ] worker.stopped\u202e\x1b[31m"


def fail(text: str) -> NoReturn:
    """Raise an error with that text."""
    raise ValueError(text)


def told(text: str, stream: io.StringIO) -> str:
    """Write a stranger's text wherever it may stand, and return the log."""
    log.error("invite.rejected", hint=text, detail=[text, {text: text}], external_id=text, **{text: text})
    logging.getLogger("a.library").error("%s", text)
    try:
        fail(text)
    except ValueError:
        log.exception("job.failed", error=text)
    return stream.getvalue()


def texts_of(value: Any) -> list[str]:
    """Return all texts in a value, keys too."""
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in texts_of(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    return [str(value)]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_has_a_sign_that_acts(form: Literal["json", "console"]) -> None:
    """Values, keys, what libraries say, and errors."""
    chance = random.Random(5)  # noqa: S311 -- to be played again
    stream = io.StringIO()
    configure(format=form, level="debug", stream=stream)
    for _ in range(100):
        told(hostile(chance), stream)

    assert not {sign for sign in stream.getvalue() if sign != "\n" and acts(sign)}


def test_what_a_parser_reads_has_none_either(written: io.StringIO) -> None:
    """Only an exception has lines of its own, each without such a sign."""
    lines = [json.loads(line) for line in told(FORGED, written).splitlines()]

    assert len(lines) == 3
    for line in lines:
        exception = line.pop("exception", "")
        assert not {sign for text in texts_of(line) for sign in text if acts(sign)}
        assert not {sign for sign in exception if sign != "\n" and acts(sign)}
    assert lines[0]["hint"] == "\\n2026-01-01T00:00:00Z [error    ] worker.stopped\\u202e\\x1b[31m"


def test_an_errors_text_looks_like_no_event_on_a_terminal() -> None:
    """Its lines are moved in."""
    stream = io.StringIO()
    configure(format="console", level="debug", stream=stream)

    lines = told(FORGED, stream).splitlines()

    assert [line for line in lines if "worker.stopped" in line]
    assert not [line for line in lines if line.startswith("2026-01-01T00:00:00Z")]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_that_lacks_letters_has_json_all_the_same(encoding: str) -> None:
    """They are escaped as JSON has it, and no byte of theirs is taken for another."""
    file = io.BytesIO()
    stream = io.TextIOWrapper(file, encoding=encoding, write_through=True)
    configure(format="json", level="info", stream=stream)

    log.info("invite.sent", external_id="漢字 🙂 ě")

    assert json.loads(file.getvalue().decode("ascii"))["external_id"] == "漢字 🙂 ě"
