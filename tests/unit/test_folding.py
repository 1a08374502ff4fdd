"""What two spellings of a text share."""

import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.folding import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Z\u00fcrich", "Zu\u0308rich"),
        ("Z\u00fcrich", "Z&uuml;rich"),
        ("Z\u00fcrich", "Zu&#x308;rich"),
        ("R&D", "R&amp;D"),
        ("R&D", "R&amp;amp;D"),
        ("O'Neill", "O&#39;NEILL"),
        ("Ann Lee", " ann\u00a0\u2003 LEE "),
        ("Ann Lee", "Ann&nbsp;Lee"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u01f0", "J\u030c"),
        ("o'hara@example.com", "O&#x27;Hara@Example.com"),
    ],
)
def test_what_gets_changed_on_the_way_makes_no_other_text(one: str, other: str) -> None:
    """Unicode form, entities, case and blanks."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Ann", "Anna"), ("Zurich", "Z\u00fcrich"), ("AnnLee", "Ann Lee")]
)
def test_what_is_written_differently_stays_different(one: str, other: str) -> None:
    """An accent or a blank tells two names apart."""
    assert fold(one) != fold(other)


def test_no_text_is_an_empty_one() -> None:
    """So that absent values can be compared."""
    assert fold(None) == fold("") == fold("  ") == ""


@given(st.text())
def test_each_form_of_a_text_is_folded_alike(text: str) -> None:
    """Whatever it holds: composed, decomposed, escaped once, and with blanks around it."""
    forms = [unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text), f" {text}\n"]

    assert {fold(form) for form in forms} == {fold(text)}
    if "&" not in html.unescape(text):
        assert fold(html.escape(text)) == fold(text)


@given(st.text(alphabet=st.characters(max_codepoint=126)))
def test_plain_text_is_folded_as_it_always_was(text: str) -> None:
    """The keys that the release before stored of creates in doubt stay what they are."""
    if "&" not in text:
        assert fold(text) == " ".join(text.casefold().split())
