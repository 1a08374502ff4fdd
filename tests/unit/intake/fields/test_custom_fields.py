"""Custom fields: labels and values, from JSON text or from an object."""

import pytest

from worker.errors import InputError
from worker.intake.fields.custom_fields import custom_fields

FIELD = "custom_fields"


def test_numbers_and_switches_become_the_text_they_are_written_as() -> None:
    """Envoy takes text only, so that is what is stored."""
    written = '{"Floor": 2, "Fee": 1.50, "Parking": true, "Host": " Maya "}'

    assert custom_fields(FIELD, written) == {"Floor": "2", "Fee": "1.50", "Parking": "true", "Host": "Maya"}


def test_an_object_is_taken_as_well_as_its_text() -> None:
    """JSON Lines and Python hand in objects, CSV cells hold their text."""
    assert custom_fields(FIELD, {"Fee": 1.5, "Parking": False}) == {"Fee": "1.5", "Parking": "false"}


@pytest.mark.parametrize("nothing", [None, "", "{}", {}, {"Host": None}, {"Host": " "}])
def test_no_answers_are_nothing(nothing: object) -> None:
    """A label without a value is left out, and no labels at all are no custom fields."""
    assert custom_fields(FIELD, nothing) is None


@pytest.mark.parametrize(
    "value", ["[]", "text", '"text"', "{", '{"a": NaN}', "[" * 100_000, [], 7, '{"a": ' + "9" * 5000 + "}"]
)
def test_what_is_no_object_is_refused(value: object) -> None:
    """Lists, bare words, broken JSON and JSON made to hurt all get the same clear line."""
    with pytest.raises(InputError, match=r"must be (a JSON object|text)"):
        custom_fields(FIELD, value)


def test_nested_values_are_refused() -> None:
    """A list or an object is no answer to a question on a form."""
    with pytest.raises(InputError, match="nothing nested"):
        custom_fields(FIELD, {"Host": ["Maya"]})


def test_there_are_at_most_fifty_labels_of_255_characters() -> None:
    """Both bounds are checked, and the errors count."""
    with pytest.raises(InputError, match="has 51 labels"):
        custom_fields(FIELD, {f"label {n}": "x" for n in range(51)})
    with pytest.raises(InputError, match="has 256 characters"):
        custom_fields(FIELD, {"Host": "x" * 256})
    with pytest.raises(InputError, match="has 256 characters"):
        custom_fields(FIELD, {"x" * 256: "Host"})


def test_a_blank_label_and_a_nul_byte_are_refused() -> None:
    """What the database or Envoy could not hold does not go in."""
    with pytest.raises(InputError, match="label that is blank"):
        custom_fields(FIELD, {" ": "Maya"})
    with pytest.raises(InputError, match="control character"):
        custom_fields(FIELD, {"Host": "Maya\0"})
