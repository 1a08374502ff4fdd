"""One event as one line: JSON for machines, a readable form for a terminal."""

import json
import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from textwrap import indent
from typing import Any, TextIO

from structlog.dev import ConsoleRenderer, plain_traceback

from worker.logs.redaction import shorten

LONGEST_LINE = 8_000  # bytes; Heroku splits a line at 10,000
FIRST = (
    "ts", "level", "event", "run_id", "job", "trigger", "connection", "invite_id", "external_id",
    "envoy_invite_id", "attempt", "duration_ms", "http_status", "error_code", "hint",
)  # fmt: skip
LAST = ("exception",)


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as the catalogue lists them, the others by name, an exception at the end."""
    first = [key for key in FIRST if key in fields]
    last = [key for key in LAST if key in fields]
    between = sorted(fields.keys() - {*first, *last})
    return {key: fields[key] for key in (*first, *between, *last)}


def json_line(fields: Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """Return one JSON object of less than ``LONGEST_LINE`` bytes."""
    dump = partial(_dump, ascii_only=ascii_only)
    line = dump(fields)
    for longest in (400, 60):
        if _fits(line):
            return line
        line = dump({**_shortened(fields, longest), "cut": True})
    core = {key: fields[key] for key in FIRST if key in fields}
    return line if _fits(line) else dump({**_shortened(core, 60), "cut": True})


def console_line(stream: TextIO | None) -> Callable[[Mapping[str, Any]], str]:
    """Return the renderer for a person; in colour where *stream* and the environment want it."""
    renderer = ConsoleRenderer(
        colors=wants_colour(stream),
        sort_keys=False,
        timestamp_key="ts",
        pad_event_to=24,
        exception_formatter=plain_traceback,
    )

    def line(fields: Mapping[str, Any]) -> str:
        return str(renderer(None, "", _indented(fields)))

    return line


def wants_colour(stream: TextIO | None) -> bool:
    """Obey NO_COLOR first, then FORCE_COLOR, then ask the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person reads along."""
    return stream is not None and not stream.closed and stream.isatty()


def _indented(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with an exception moved in: what an error says begins no line of the log."""
    return {key: indent(value, "  ") if key in LAST else value for key, value in fields.items()}


def is_unicode(stream: TextIO | None) -> bool:
    """Return whether every letter can be written to a stream, and none of its bytes is taken for another."""
    name = getattr(stream, "encoding", None) or "utf-8"
    return name.lower().replace("-", "").replace("_", "") == "utf8"


def _dump(fields: Mapping[str, Any], *, ascii_only: bool) -> str:
    return _encoder(ascii_only=ascii_only).encode(ordered(fields))


@cache
def _encoder(*, ascii_only: bool) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False, separators=(", ", ": "))


def _fits(line: str) -> bool:
    return len(line.encode("utf-8", "backslashreplace")) < LONGEST_LINE


def _shortened(fields: Mapping[str, Any], longest: int) -> dict[str, Any]:
    return {
        key: value if isinstance(value, bool | int | float | None) else shorten(str(value), longest)
        for key, value in fields.items()
    }
