"""Custom fields as they go out: a row's own, held to their bounds, and the connection's defaults."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.due_rows import ACME, DIRECTORY, NOW, due_row
from worker.connections.model import Connection
from worker.database.types import UNREADABLE
from worker.delivery.custom_fields import custom_fields
from worker.delivery.due import DueRow
from worker.delivery.plan import Call, plan
from worker.directory.entries import Location
from worker.errors import InputError
from worker.intake.fields.custom_fields import custom_fields as taken_in


def unasked(row: DueRow, _location: Location) -> str | None:
    """Look up no host; a row that is refused must not cost Envoy a look."""
    assert row.host_email is None, "Envoy was asked"
    return None


def sent(own: object, *, defaults: object = None, **row: Any) -> list[tuple[str, str]]:
    """Return the labels and values that a create would send."""
    connection: Connection = ACME.model_copy(update={"default_custom_fields": defaults})
    made = plan(due_row(custom_fields=own, **row), DIRECTORY, connection, host_of=unasked, now=NOW)
    assert isinstance(made, Call)
    return [(one["field"], one["value"]) for one in made.body.get("customFields", [])]


def refusal(own: object, defaults: object = None) -> InputError:
    """Return what a row is refused with."""
    with pytest.raises(InputError) as caught:
        sent(own, defaults=defaults, host_email="host@example.com")
    return caught.value


def test_numbers_and_switches_go_out_as_text() -> None:
    """Envoy takes text only, in the order of the labels."""
    own = {"Company": "Example Ltd", "Badge": 7, "Fee": 1.5, "Escort": True}

    assert sent(own) == [("Badge", "7"), ("Company", "Example Ltd"), ("Escort", "true"), ("Fee", "1.5")]


@pytest.mark.parametrize("nothing", [None, {}, {"Company": None}, {"Company": " \n"}, {"Company": ""}])
def test_blank_values_leave_their_labels_out(nothing: object) -> None:
    """As where they come in; with no label left there are no custom fields."""
    assert sent(nothing) == []


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({f"label {number}": "x" for number in range(51)}, "custom_fields_too_many"),
        ({"Canary": "x" * 256}, "custom_fields_too_long"),
        ({"Canary": int("9" * 256)}, "custom_fields_too_long"),
        ({"Canary" + "x" * 250: "x"}, "custom_fields_too_long"),
        ({"Canary": ["x"]}, "custom_fields_nested"),
        ({"Canary": {"x": 1}}, "custom_fields_nested"),
        ({"": "Canary"}, "custom_fields_unreadable"),
        ({" ": None}, "custom_fields_unreadable"),
        ({"Canary": math.inf}, "custom_fields_unreadable"),
        ({"Canary": "Canary\0"}, "custom_fields_unreadable"),
        ({"Canary": "\ud800"}, "custom_fields_unreadable"),
        (UNREADABLE, "custom_fields_unreadable"),
        (["Canary"], "custom_fields_unreadable"),
    ],
)
def test_what_is_beyond_the_bounds_is_refused(own: object, code: str) -> None:
    """Each breach has its code; neither label nor value is told, since both may be anything."""
    error = refusal(own)

    assert error.code == code
    assert "Canary" not in f"{error} {error.hint}"


def test_the_bounds_themselves_are_allowed() -> None:
    """Fifty labels of 255 characters with values as long."""
    own = {f"{number:0255}": "x" * 255 for number in range(50)}

    assert len(sent(own | {f"blank {number}": "" for number in range(9)})) == 50


def test_the_place_of_the_label_is_told() -> None:
    """In alphabetical order, since a database may keep another one than was written."""
    assert "label 2 of 3, in alphabetical order" in str(refusal({"C": "x", "B": [], "A": "x"}))


def test_a_rows_own_label_wins_over_the_connections() -> None:
    """Label by label, whatever the case and the spaces around it; each goes out as it was written."""
    defaults = {"Company": "Example Ltd", "Your Host": "Desk"}

    assert sent({" cOMPANY ": "Other"}, defaults=defaults) == [(" cOMPANY ", "Other"), ("Your Host", "Desk")]
    assert sent(None, defaults=defaults) == [("Company", "Example Ltd"), ("Your Host", "Desk")]


def test_a_blank_value_of_the_row_is_not_given() -> None:
    """As with a blank location, the default counts."""
    assert sent({"Company": " "}, defaults={"Company": "Example Ltd"}) == [("Company", "Example Ltd")]


def test_a_label_in_another_composition_is_the_same() -> None:
    """What looks alike is alike: é may be one sign or two."""
    assert sent({"Cafe\u0301": "own"}, defaults={"Caf\u00e9": "default"}) == [("Cafe\u0301", "own")]


def test_a_default_may_hold_the_name_of_the_flow() -> None:
    """As Envoy wants its "Purpose of visit"; of no flow there is no name, and the label is left out."""
    defaults = {"Purpose of visit": "{flow}", "Sign": "<{flow}> {other}", "Company": "Example Ltd"}

    assert sent(None, defaults=defaults, flow=" interview") == [
        ("Company", "Example Ltd"),
        ("Purpose of visit", "Interview"),
        ("Sign", "<Interview> {other}"),
    ]
    assert sent(None, defaults=defaults) == [("Company", "Example Ltd")]


def test_a_rows_own_value_is_sent_as_it_is_written() -> None:
    """Only defaults have a placeholder."""
    assert sent({"Purpose of visit": "{flow}"}, flow="Interview") == [("Purpose of visit", "{flow}")]


def test_row_and_defaults_together_are_held_to_the_bounds() -> None:
    """Fifty of the row and one of the connection are too many; a flow may have a name that is too long."""
    own = {f"label {number}": "x" for number in range(50)}

    error = refusal(own, {"Company": "Example Ltd"})
    assert (error.code, "by the connection's defaults" in str(error)) == ("custom_fields_too_many", True)
    assert len(sent(own, defaults={"LABEL 1": "y"})) == 50
    with pytest.raises(InputError) as caught:
        custom_fields(None, {"Purpose": "{flow}"}, flow_name="x" * 256)
    assert caught.value.code == "custom_fields_too_long"


@pytest.mark.parametrize("odd", [["x"], "x", UNREADABLE, {"x": ["y"]}])
def test_odd_defaults_are_refused_as_the_connections(odd: object) -> None:
    """Somebody may have written them by hand; the line says whose fault it is."""
    assert "by the connection's defaults" in str(refusal(None, odd))


LABELS = st.text(max_size=300)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.lists(st.text())


@given(st.dictionaries(LABELS, VALUES, max_size=60))
def test_whatever_was_taken_in_can_be_sent(written: dict[str, Any]) -> None:
    """The two doors have one measure: what intake has stored is never refused by the push."""
    try:
        stored = taken_in("custom_fields", written)
    except InputError:
        return

    assert dict(sent(stored)) == (stored or {})
