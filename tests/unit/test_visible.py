"""What a reader would not see is written out; letters of every script stay."""

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.visible import is_plain, visible, visible_json

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
ANY_TEXT = st.text(alphabet=st.characters(codec=None, categories=None), max_size=30)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\nFAIL b\tc", "a\\r\\nFAIL b\\tc"),
        ("\x9b2J\x7f\x85", "\\x9b2J\\x7f\\x85"),
        ("\u202eabc\u2066\u061c\u200f", "\\u202eabc\\u2066\\u061c\\u200f"),
        ("\u2028\u2029\u200b\ufeff\xad", "\\u2028\\u2029\\u200b\\ufeff\\xad"),
        ("\U000e0041\ud800", "\\U000e0041\\ud800"),
        ("\u3164", "\\u3164"),
    ],
)
def test_what_acts_or_hides_is_written_out(text: str, shown: str) -> None:
    """As an escape of Python's, of which each sign can be seen."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["Zoë", "Zoe\u0308", "漢字", "עִבְרִית", "नमस्ते", "ไทย", "山\u3000田", "1\xa0000 €", "🙂", "a\\x1b", "[red]"],
)
def test_ordinary_text_stays(text: str) -> None:
    """Marks, blanks of any width, and what looks like an escape or markup, too."""
    assert visible(text) == text


def test_every_character_is_judged_by_what_it_is() -> None:
    """Of all that there are, letters, marks, numbers and signs stay, but for letters that are blank."""
    for sign in EVERY:
        kind = unicodedata.category(sign)
        blank = "FILLER" in unicodedata.name(sign, "") and kind == "Lo"
        assert is_plain(sign) is (kind not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and not blank), sign


@given(ANY_TEXT)
def test_what_is_shown_is_one_line_of_plain_signs(text: str) -> None:
    """And showing it twice changes nothing."""
    shown = visible(text)

    assert all(map(is_plain, shown))
    assert visible(shown) == shown


@given(st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT, max_size=3), max_size=3), st.sampled_from([None, 2]))
def test_json_means_the_same_after_it(data: dict[str, list[str]], indent: int | None) -> None:
    """Halves of a pair come back as such, too; only the layout's own line breaks are left."""
    document = visible_json(json.dumps(data, ensure_ascii=False, indent=indent))

    assert all(is_plain(sign) or sign == "\n" for sign in document)
    # Two halves that meet are one character to a parser, as they were to the one before.
    assert json.loads(document) == json.loads(json.dumps(data))
