"""Single fields: text, e-mail addresses, switches, words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import InputError
from worker.intake.fields.cells import email, one_of, required, switch, text


@pytest.mark.parametrize("blank", [None, "", "   ", "\t\n"])
def test_a_blank_value_counts_as_not_given(blank: str | None) -> None:
    """No value, nothing but spaces: both mean that the caller gave nothing."""
    assert text(10)("notes", blank) is None


def test_a_required_field_refuses_a_blank_value() -> None:
    """What must be there and is blank gets an error that names the field."""
    with pytest.raises(InputError, match="is missing") as caught:
        required(text(10))("invitee_name", " ")

    assert caught.value.field == "invitee_name"


def test_text_is_stripped_and_composed() -> None:
    """Spaces around a text go, and a letter with a combining accent becomes one sign."""
    assert text(10)("invitee_name", "  Zoe\u0301 ") == "Zoé"


def test_length_counts_signs_and_not_bytes() -> None:
    """A text may be as long as the column, in signs, whatever its bytes; one more is too much."""
    assert text(255)("invitee_name", "é" * 255) == "é" * 255

    with pytest.raises(InputError, match="has 256 characters, the most is 255"):
        text(255)("invitee_name", "é" * 256)


@pytest.mark.parametrize("sign", ["\0", "\x1b", "\x7f", "\t", "\n", "\ud800"])
def test_a_name_with_a_control_character_is_refused(sign: str) -> None:
    """NUL, escape, tabs, line breaks and half a surrogate pair are no part of a name."""
    with pytest.raises(InputError, match="control character"):
        text(255)("invitee_name", f"Jane{sign}Doe")


def test_notes_may_have_lines_and_their_breaks_become_alike() -> None:
    """Notes keep tabs and line breaks; those of Windows and old Macs become newlines."""
    assert text(99)("notes", "one\r\ntwo\rthree\n\tfour") == "one\ntwo\nthree\n\tfour"


def test_whole_numbers_are_text() -> None:
    """A JSON number is fine as an id."""
    assert text(64)("host_employee_id", 300001) == "300001"


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_what_is_no_text_is_refused(value: object) -> None:
    """Lists, objects, switches and fractions are not taken for text."""
    with pytest.raises(InputError, match="must be text"):
        text(64)("external_id", value)


@given(st.text())
def test_accepted_text_is_printable_composed_and_short_enough(value: str) -> None:
    """Whatever is accepted can be stored by both databases as it is."""
    try:
        found = text(20)("invitee_name", value)
    except InputError:
        return

    if found is not None:
        assert found == unicodedata.normalize("NFC", found)
        assert 0 < len(found) <= 20
        assert not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in found)


@pytest.mark.parametrize("address", ["a@b", "jane.doe+tag@example.com", "zoé@exämple.com"])
def test_an_address_with_one_at_is_accepted(address: str) -> None:
    """The form is checked, and no more than the form."""
    assert email("invitee_email", f" {address} ") == address


@pytest.mark.parametrize(
    "address", ["jane.example.com", "@example.com", "jane@", "a@b@c", "jane doe@x.y", "Jane <j@x.y>"]
)
def test_an_address_of_another_form_is_refused_without_quoting_it(address: str) -> None:
    """No @, nothing beside it, two of them, or spaces: the error says the rule and not the value."""
    with pytest.raises(InputError, match="must have one @") as caught:
        email("invitee_email", address)

    assert address not in str(caught.value)


def test_an_address_is_at_most_320_characters_long() -> None:
    """The column's bound is checked before the database would."""
    with pytest.raises(InputError, match="the most is 320"):
        email("host_email", "a" * 309 + "@example.com")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((word, True) for word in ("true", "YES", "1", 1, True)),
        *((word, False) for word in ("false", "No", "0", 0, False)),
        *((word, None) for word in ("", " ", None)),
    ],
)
def test_a_switch_understands_the_usual_words(value: object, expected: bool | None) -> None:
    """True, 1 and yes are on; false, 0 and no are off; a blank leaves it open."""
    assert switch("send_email", value) is expected


@pytest.mark.parametrize("value", ["maybe", "2", "on "])
def test_a_switch_refuses_other_words(value: str) -> None:
    """A word that is neither on nor off is an error, not a guess."""
    with pytest.raises(InputError, match="must be true, 1, yes, false, 0 or no"):
        switch("send_email", value)


def test_one_of_several_words_is_known_in_any_case_and_blank_is_the_first() -> None:
    """The first word is the default; others than those listed are refused."""
    read = one_of("present", "absent")

    assert [read("wanted", word) for word in ("", "Present", "ABSENT")] == ["present", "present", "absent"]
    with pytest.raises(InputError, match="must be present or absent"):
        read("wanted", "gone")
