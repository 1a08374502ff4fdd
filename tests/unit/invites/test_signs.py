"""Which signs the texts of a visit may hold."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import InputError
from worker.intake.rows import READERS, parse
from worker.invites.signs import FORMS, Form, one_kind_of_breaks, require_email, require_fit

EVERYWHERE = ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\ud800", "\x1f"]
BREAKS = ["\n", "\r", "\t", "\u2028", "\u2029"]
HIDING = ["\u00ad", "\u200b", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069", "\ufeff", "\U000e0041"]
NEEDED = ["\u200c", "\u200d", "\u200e", "\u200f", "\u061c"]  # joiners and direction marks
VISIT = {
    "connection": "acme", "external_id": "1", "invitee_name": "Nora Example",
    "expected_arrival_at": "2030-05-17T09:00:00-07:00",
}  # fmt: skip


def code(text: str, form: Form) -> str:
    """Return the error code of a text, empty where it is fine."""
    try:
        require_fit("notes", text, form)
    except InputError as error:
        found = error
    else:
        return ""
    assert text not in str(found)
    assert str(found).isprintable()
    return found.code


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("sign", EVERYWHERE)
def test_control_characters_are_for_nobody(sign: str, form: Form) -> None:
    """They move a cursor, end a header or a line, or cannot be written at all."""
    assert code(f"Nora{sign}x", form) == "control_character"


@pytest.mark.parametrize("sign", BREAKS)
def test_lines_are_broken_in_notes_only(sign: str) -> None:
    """A name of two lines is two things; an old Mac's break is made a newline before."""
    assert code(f"Nora{sign}x", Form.LINE) == "control_character"
    assert code(f"Nora{sign}x", Form.ADDRESS) == "control_character"
    assert code(one_kind_of_breaks(f"Nora{sign}x"), Form.LINES) == ""


@pytest.mark.parametrize("sign", HIDING)
def test_what_only_hides_is_for_notes_only(sign: str) -> None:
    """As what turns around the text after it; a phone number copied into notes brings such along."""
    assert code(f"Nora{sign}x", Form.LINE) == "invisible_character"
    assert code(f"Nora{sign}x", Form.ADDRESS) == "invisible_character"
    assert code(f"Nora{sign}x", Form.LINES) == ""


@pytest.mark.parametrize("sign", NEEDED)
def test_what_scripts_need_is_no_fault_of_a_name(sign: str) -> None:
    """Hebrew, Persian and pictures of several people need them; an address does not."""
    assert code(f"\u05e0\u05d5{sign}\u05e8\u05d4", Form.LINE) == ""
    assert code(f"nora{sign}@visitor.example", Form.ADDRESS) == "invisible_character"


@pytest.mark.parametrize(
    "name", ["\u200f", "\u200d\u200d", "\u3164", "\u2800", "\u00a0", "\u0301", "\u200e \u200e"]
)
def test_a_name_shows_something(name: str) -> None:
    """Nobody at a front desk could call a visitor by what cannot be seen."""
    assert code(name, Form.LINE) == "invisible_character"


@pytest.mark.parametrize(
    "name",
    [
        "\u05e0\u05d5\u05e8\u05d4",
        "\U0001f469\u200d\U0001f692 Nora",
        "Zo\u0301e",
        "\u674e",
        "1",
        "O\u2019Hara",
    ],
)
def test_a_name_of_any_script_is_a_name(name: str) -> None:
    """Letters, digits, marks on letters, pictures."""
    assert code(name, Form.LINE) == ""


@pytest.mark.parametrize(
    ("column", "value", "point"),
    [
        ("invitee_email", "\u202anora@visitor.example\u202c", "U+202A"),
        ("invitee_email", "nora\u200b@visitor.example", "U+200B"),
        ("invitee_email", "nora@visitor\u00ad.example", "U+00AD"),
        ("location", "HQ\u200b", "U+200B"),
        ("invitee_name", "\u200b", "U+200B"),
        ("host_email", "\u200fhost@visitor.example", "U+200F"),
        ("notes", "one\x1b[2Jtwo", "U+001B"),
    ],
)
def test_a_file_is_told_the_column_and_the_code_point(column: str, value: str, point: str) -> None:
    """What cannot be seen cannot be found without; the value is not quoted."""
    with pytest.raises(
        InputError, match=rf"^{column}: holds an? .* character \({point.replace('+', '.')}\)$"
    ):
        parse({**VISIT, column: value})


@given(st.text(max_size=6), st.sampled_from([name for name, form in FORMS.items() if form is not Form.LINES]))
def test_what_a_file_takes_in_may_go_out(text: str, column: str) -> None:
    """The rule is one: whatever the readers of files return, a push does not reject."""
    try:
        found = READERS[column](column, text)
    except InputError:
        return
    if isinstance(found, str):
        require_fit(column, found, FORMS[column])
        assert unicodedata.is_normalized("NFC", found)


@pytest.mark.parametrize("address", ["nora", "@x", "x@", "a@b@c", "a b@c", "<a@b> c@d"])
def test_an_address_has_the_form_of_one(address: str) -> None:
    """One @, something on both sides, no spaces."""
    with pytest.raises(InputError) as caught:
        require_email("invitee_email", address)

    assert caught.value.code == "email_form"
