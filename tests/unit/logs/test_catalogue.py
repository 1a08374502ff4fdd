"""The catalogue, its page in the documentation, and the code name the same events."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from worker.logs.catalogue import EVENTS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/events.md").read_text(encoding="utf-8")
LOGGERS = {"log", "logger", "_log"}
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}


class Emission(NamedTuple):
    """One place in the code that emits an event."""

    place: str
    event: str
    level: str
    hinted: bool


@cache
def emissions() -> list[Emission]:
    """Find every event that the worker and its jobs emit."""
    return [
        found
        for folder in ("worker", "jobs")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for found in _of_call(node, f"{file.relative_to(ROOT)}:{node.lineno}")
    ]


def _of_call(call: ast.Call, place: str) -> Iterator[Emission]:
    for method in _methods(call.func):
        event = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        hinted = any(keyword.arg in {None, "hint"} for keyword in call.keywords)
        yield Emission(place, str(event), LEVELS[method], hinted)


def _methods(function: ast.expr) -> Iterator[str]:
    """Yield the logger's methods that are called, also where one of two is chosen."""
    if isinstance(function, ast.IfExp):
        yield from _methods(function.body)
        yield from _methods(function.orelse)
    elif isinstance(function, ast.Attribute) and function.attr in LEVELS and _name(function.value) in LOGGERS:
        yield function.attr


def _name(value: ast.expr) -> str:
    return value.id if isinstance(value, ast.Name) else ""


def rows() -> list[tuple[str, str]]:
    """Read the tables of the page: each event with its levels."""
    return re.findall(r"^\| `(\w+\.\w+)` \| ([A-Z, ]+) \|", PAGE, flags=re.MULTILINE)


def documented() -> dict[str, set[str]]:
    """Return the levels of each event that the page has."""
    return {event: set(levels.lower().split(", ")) for event, levels in rows()}


def test_every_event_in_the_code_is_in_the_catalogue_at_its_level() -> None:
    """No event is emitted by a name or at a level that an operator cannot look up."""
    unlisted = [
        found
        for found in emissions()
        if found.event not in EVENTS or found.level not in EVENTS[found.event].levels
    ]

    assert not unlisted


def test_every_event_of_the_catalogue_is_emitted_somewhere() -> None:
    """The catalogue promises nothing that does not happen."""
    emitted = {found.event for found in emissions()}

    assert set(EVENTS) - emitted == set()


def test_the_page_lists_the_catalogue() -> None:
    """docs/events.md and the code know the same events, at the same levels, and each stands there once."""
    assert len(rows()) == len(documented())
    assert documented() == {name: set(event.levels) for name, event in EVENTS.items()}


def test_every_error_says_what_to_do_next() -> None:
    """An ERROR needs a person, so it carries a hint."""
    assert not [found for found in emissions() if found.level == "error" and not found.hinted]


@pytest.mark.parametrize("event", EVENTS)
def test_events_are_named_alike(event: str) -> None:
    """A noun, a dot, what happened; stable, without blanks or capitals."""
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event)


def test_the_page_s_example_is_a_line_of_ours() -> None:
    """The example shows the fields in the order in which they are written."""
    example = re.search(r"^\{.*\}$", PAGE, flags=re.MULTILINE)

    assert example is not None
    keys = re.findall(r'"(\w+)": ', example[0])
    assert keys[:3] == ["ts", "level", "event"]
