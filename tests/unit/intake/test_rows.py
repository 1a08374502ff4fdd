"""Whole rows: what a caller says of one visit."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake import FIELDS, InputErrors, parse
from worker.intake.rows import settle, with_default

ROW: dict[str, object] = {
    "connection": "acme",
    "external_id": "42",
    "invitee_name": "Jane Doe",
    "expected_arrival_at": "2026-03-02T15:00:00Z",
}


def test_four_columns_are_enough_and_the_rest_has_defaults() -> None:
    """The visit is wanted, and the connection decides about the mail, unless the caller says otherwise."""
    invite = parse(ROW)

    assert invite.expected_arrival_at == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert (invite.send_email, invite.wanted) == (None, "present")
    assert with_default(invite, send_email=True).send_email is True
    assert (invite.invitee_email, invite.location, invite.custom_fields) == (None, None, None)


def test_every_column_of_the_caller_is_read() -> None:
    """A full row comes back in full, in the order of the columns."""
    full = ROW | {
        "invitee_email": "jane@example.com",
        "location": "Berlin",
        "flow": "Interview",
        "host_employee_id": "300001",
        "host_email": "maya@example.com",
        "expected_departure_at": "2026-03-02T16:00:00Z",
        "notes": "two\nlines",
        "custom_fields": '{"Floor": "2"}',
        "send_email": "yes",
        "wanted": "absent",
    }

    values = parse(full).values()

    assert tuple(values) == FIELDS == tuple(parse(full).values())
    assert set(full) == set(FIELDS)
    assert values["custom_fields"] == {"Floor": "2"}
    assert (values["send_email"], values["wanted"]) == (True, "absent")


def test_all_that_is_wrong_with_a_row_is_said_at_once() -> None:
    """The caller repairs a row in one go, so each bad field is named."""
    row = ROW | {
        "external_id": "",
        "invitee_name": "x" * 10_000,
        "invitee_email": "jane",
        "expected_arrival_at": "2026-02-31T10:00Z",
        "expected_departure_at": "never",
    }

    with pytest.raises(InputErrors) as caught:
        parse(row)

    assert [error.field for error in caught.value.errors] == [
        "external_id",
        "invitee_name",
        "invitee_email",
        "expected_arrival_at",
        "expected_departure_at",
    ]
    assert "invitee_name: has 10,000 characters, the most is 255" in str(caught.value)


def test_a_departure_before_the_arrival_is_found_without_knowing_the_zone() -> None:
    """Two local times can be compared as they are."""
    row = ROW | {"expected_arrival_at": "2026-03-02 15:00", "expected_departure_at": "2026-03-02 14:00"}

    with pytest.raises(InputErrors, match="expected_departure_at: lies before the arrival"):
        parse(row)


def test_a_local_departure_is_compared_once_the_zone_is_known() -> None:
    """An arrival with an offset and a local departure meet in UTC."""
    invite = parse(ROW | {"expected_departure_at": "2026-03-02 15:30"})

    with pytest.raises(InputErrors, match="expected_departure_at: lies before the arrival"):
        settle(invite, ZoneInfo("Europe/Berlin"))


def test_both_local_times_are_named_where_the_zone_is_not_known() -> None:
    """The error stands at each column that would need the zone."""
    invite = parse(
        ROW | {"expected_arrival_at": "2026-03-02 15:00", "expected_departure_at": "2026-03-02 16:00"}
    )

    with pytest.raises(InputErrors) as caught:
        settle(invite, None)

    assert [error.field for error in caught.value.errors] == ["expected_arrival_at", "expected_departure_at"]


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    """A typo is not silently left out."""
    with pytest.raises(InputErrors) as caught:
        parse(ROW | {"invite_name": "Jane"})

    assert (caught.value.field, caught.value.hint) == ("invite_name", "did you mean invitee_name?")


def test_an_unknown_column_that_looks_like_data_is_not_shown() -> None:
    """A key may be a visitor's name by mistake."""
    with pytest.raises(InputErrors) as caught:
        parse(ROW | {"Jane Doe": "x"})

    assert caught.value.field == ""
    assert "Jane" not in f"{caught.value} {caught.value.hint}"


def test_a_row_of_unknown_columns_names_a_few() -> None:
    """One line cannot fill the screen, however many keys it has."""
    with pytest.raises(InputErrors) as caught:
        parse(ROW | {f"key{number}": "x" for number in range(1000)})

    assert [error.field for error in caught.value.errors] == ["key0", "key1", "key2"]


def test_personal_data_does_not_show_in_the_representation() -> None:
    """A traceback or a debugger's log must not show who visits."""
    shown = repr(parse(ROW | {"invitee_email": "jane@example.com", "notes": "secret notes"}))

    assert "42" in shown
    assert not any(word in shown for word in ("Jane", "jane@", "secret"))


@given(st.dictionaries(st.sampled_from(FIELDS), st.text("qxz@:-0\0\n ", min_size=8, max_size=400)))
def test_any_row_is_read_or_refused_without_quoting_it(row: dict[str, object]) -> None:
    """No text, however strange, makes anything but a visit or a list of errors that keep it private."""
    try:
        parse(row)
    except InputErrors as error:
        said = f"{error} {[one.hint for one in error.errors]}"
        assert not any(str(value) in said for value in row.values() if str(value).strip("0 -:\n"))
