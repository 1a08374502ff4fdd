"""Output that is made of parts, so that no more than one of them is in memory."""

import io
import json
import sys
from collections.abc import Iterator

import pytest

from worker.cli import output

ODD = "\x1b[1m\u202eB\u00e4r\n"


class Terminal(io.StringIO):
    """A stream that says it is one."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_object_in_parts_is_the_same_document(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte by byte what would be printed at once."""
    members = [(f"{ODD}{each}", {"places": [{"name": ODD}], "none": []}) for each in range(number)]
    output.show_json_object(iter(members))
    in_parts = capsys.readouterr().out
    output.show_json(dict(members))

    assert in_parts == capsys.readouterr().out
    assert json.loads(in_parts) == dict(members)


def test_members_are_asked_for_when_those_before_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """So one directory at a time is loaded."""
    seen: list[bool] = []

    def members() -> Iterator[tuple[str, object]]:
        yield "one", 1
        seen.append('"one": 1' in capsys.readouterr().out)
        yield "two", 2

    output.show_json_object(members())

    assert seen == [True]


@pytest.mark.parametrize(("number", "framed"), [(1, True), (1_000, True), (1_001, False)])
def test_very_many_rows_are_no_table(number: int, framed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows all of them, one line each, and nothing is measured first."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    output.show_rows(["id", "name"], ({"id": each, "name": "x"} for each in range(number)))

    shown = terminal.getvalue()
    assert ("\u2500" in shown) is framed
    assert all(str(each) in shown for each in (0, number - 1))
    assert framed or len(shown.splitlines()) == number
