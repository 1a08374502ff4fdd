"""The demo's story and its browser."""

import pytest

from worker.demo.browser import ConsentForm
from worker.demo.story import Story

PAGE = """<main><form method="post" action="/agree?x=1&amp;y=2">
<input type="hidden" name="state" value="a&quot;b"><input type="hidden" name="scope" value="one two">
<input type="text" name="note" value="not hidden"><button name="decision" value="allow">Allow</button>
</form></main>"""


def told() -> list[tuple[str, str]]:
    """Return the lines of a short story, with the style of each."""
    lines: list[tuple[str, str]] = []

    def show(line: str, *, style: str = "") -> None:
        lines.append((line, style))

    story = Story(show)
    story.title("Title")
    story.step("First")
    story.tell("word " * 40)
    story.quote("x" * 200)
    story.good("fine")
    story.step("Second")
    story.bad("not fine")
    return lines


def test_a_story_is_told_in_lines() -> None:
    """Steps are numbered, sentences wrapped, quotations left whole, and there is no escape code."""
    lines = [line for line, _style in told()]

    assert lines[:3] == ["Title", "", "1. First"]
    assert "2. Second" in lines
    assert "   " + "x" * 200 in lines
    assert max(len(line) for line in lines if "word" in line) <= 78
    assert not [line for line in lines if "\x1b" in line]


def test_what_went_wrong_looks_other_than_what_went_well() -> None:
    """A line has a style, which is nothing that is written into it."""
    styles = {line.strip(): style for line, style in told()}

    assert styles["fine"] == "32"
    assert styles["not fine"] == "31"


@pytest.mark.parametrize("chunk", [1, 7, len(PAGE)])
def test_the_browser_sends_the_hidden_fields_of_the_form(chunk: int) -> None:
    """As a browser does: entities decoded, other inputs left to the customer."""
    form = ConsentForm()
    for start in range(0, len(PAGE), chunk):
        form.feed(PAGE[start : start + chunk])

    assert form.action == "/agree?x=1&y=2"
    assert form.fields == {"state": 'a"b', "scope": "one two"}
