"""The demo's story and its browser."""

import pytest

from worker.demo.browser import ConsentForm
from worker.demo.story import Story

PAGE = """<main><form method="post" action="/agree?x=1&amp;y=2">
<input type="hidden" name="state" value="a&quot;b"><input type="hidden" name="scope" value="one two">
<input type="text" name="note" value="not hidden"><button name="decision" value="allow">Allow</button>
</form></main>"""


def told(*, colour: bool) -> list[str]:
    """Return the lines of a short story."""
    lines: list[str] = []
    story = Story(lines.append, colour=colour)
    story.title("Title")
    story.step("First")
    story.tell("word " * 40)
    story.quote("x" * 200)
    story.good("fine")
    story.step("Second")
    story.bad("not fine")
    return lines


def test_a_story_is_plain_where_nobody_sees_colour() -> None:
    """Steps are numbered, sentences wrapped, quotations left whole, and there is no escape code."""
    lines = told(colour=False)

    assert lines[:3] == ["Title", "", "1. First"]
    assert "2. Second" in lines
    assert "   " + "x" * 200 in lines
    assert max(len(line) for line in lines if "word" in line) <= 78
    assert not [line for line in lines if "\x1b" in line]


def test_colour_changes_no_word() -> None:
    """On a terminal the same lines are there, inside escape codes that are all closed again."""
    plain, coloured = told(colour=False), told(colour=True)

    codes = ("\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m")
    stripped = list(coloured)
    for code in codes:
        stripped = [line.replace(code, "") for line in stripped]
    assert stripped == plain
    assert all(line.count("\x1b[") == 2 * line.count("\x1b[0m") for line in coloured)


@pytest.mark.parametrize("chunk", [1, 7, len(PAGE)])
def test_the_browser_sends_the_hidden_fields_of_the_form(chunk: int) -> None:
    """As a browser does: entities decoded, other inputs left to the customer."""
    form = ConsentForm()
    for start in range(0, len(PAGE), chunk):
        form.feed(PAGE[start : start + chunk])

    assert form.action == "/agree?x=1&y=2"
    assert form.fields == {"state": 'a"b', "scope": "one two"}
