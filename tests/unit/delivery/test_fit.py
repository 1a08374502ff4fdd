"""What goes to Envoy holds no odd sign, whatever the row holds; and what Envoy has is not judged."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.due_rows import ACME, BERLIN, DIRECTORY, INTERVIEW, NOW, due_row
from worker.delivery.content import blank_to_none
from worker.delivery.due import DueRow
from worker.delivery.plan import Call, LookFirst, Plan, Settled, plan
from worker.directory import Directory
from worker.errors import InputError
from worker.invites import Kind, Status

ODD_SIGNS = "\x1b\x9b\r\n\t\0\u202e\u200b\u2028"
odd = st.text(st.sampled_from(f"{ODD_SIGNS}aé@ "), max_size=5)
rows = st.builds(
    due_row,
    invitee_name=odd,
    invitee_email=st.none() | odd,
    location=st.just("Berlin") | odd,
    flow=st.none() | st.just("Interview") | odd,
    host_employee_id=st.none() | odd,
    notes=st.none() | odd,
    custom_fields=st.none() | st.dictionaries(odd, odd, max_size=2),
)


def planned(row: DueRow) -> Plan:
    """Plan a row in the usual directory; a host is who the row says, and blank is nobody, as for any push."""
    return plan(row, DIRECTORY, ACME, host_of=lambda one, _: blank_to_none(one.host_employee_id), now=NOW)


def planned_or_refused(row: DueRow) -> Plan | InputError:
    """Plan a row, or return why it cannot be."""
    try:
        return planned(row)
    except InputError as error:
        return error


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for one in value.values() for text in texts(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in texts(one))


@given(rows)
def test_no_control_character_leaves_the_house(row: DueRow) -> None:
    """A row goes out without any, or is refused by its column, with words that quote none."""
    made = planned_or_refused(row)

    if isinstance(made, InputError):
        assert made.field
        assert str(made).isprintable()
        return
    assert isinstance(made, Call)
    for text in texts(made.body):
        assert not [s for s in text if unicodedata.category(s) in {"Cc", "Cs"} and s not in "\n\t"]
    assert not set(made.body["invitee"]["name"]) & set(ODD_SIGNS)


@given(rows)
def test_a_visit_that_is_called_off_is_removed(row: DueRow) -> None:
    """Whatever the row holds by now."""
    wanted = due_row(
        **{name: getattr(row, name) for name in ("invitee_name", "location", "notes", "custom_fields")},
        wanted="absent",
        envoy_invite_id="7",
    )

    made = planned(wanted)

    assert isinstance(made, Call)
    assert made.kind is Kind.REMOVE


@pytest.mark.parametrize("sign", ODD_SIGNS.replace("\0", ""))
def test_only_what_differs_is_judged(sign: str) -> None:
    """What went out before the rule was there is moved; its custom fields are compared pair by pair."""
    text = f"x{sign}x"
    value = text.replace("\r", "\v")  # a line break is a newline there
    fine = planned(due_row(custom_fields={"a": "1"}, host_employee_id="9", notes="n"))
    assert isinstance(fine, Call)
    assert fine.content
    had = fine.content | {
        "invitee": {"name": text}, "hostEmployeeId": text, "notes": "n",
        "customFields": [{"field": "a", "value": value}, {"field": "b", "value": "1"}],
    }  # fmt: skip
    there: dict[str, Any] = {
        "envoy_invite_id": "7", "sent_content": had, "invitee_name": text, "host_employee_id": text,
        "notes": "n", "custom_fields": {"a": value, "b": "1"},
    }  # fmt: skip

    moved = planned(due_row(**there, expected_arrival_at=NOW + timedelta(days=3)))

    assert planned(due_row(**there)) == Settled(Status.SENT)
    assert isinstance(moved, Call)
    assert moved.body.keys() == {"expectedArrivalAt", "sendEmailToInvitee"}


@pytest.mark.parametrize(
    ("own", "of_the_connection", "told"),
    [
        (None, {"Company": "a\x1b"}, "by the connection's defaults: the value of label 1 of 1"),
        ({"Company": " ", "Z\x1b": False}, {"Company": "a"}, "label 2 of 2"),
        ({"A": ""}, {"A": "a\x1b", "C": "c"}, "by the connection's defaults: the value of label 1 of 2"),
        ({"A": "", "B": "b\x1b"}, {"C": "c"}, "the value of label 2 of 2"),
    ],
)  # fmt: skip
def test_a_connections_default_is_judged_as_well(
    own: dict[str, Any] | None, of_the_connection: dict[str, str], told: str
) -> None:
    """It is told whose the odd one is, and its place as the one who wrote them counts."""
    connection = ACME.model_copy(update={"default_custom_fields": of_the_connection})

    with pytest.raises(InputError) as caught:
        plan(due_row(custom_fields=own), DIRECTORY, connection, host_of=lambda *_: None, now=NOW)

    assert str(caught.value) == (
        f"custom_fields: {told}, in alphabetical order, holds a control character (U+001B)"
    )


def test_a_default_place_with_an_odd_sign_is_found() -> None:
    """It costs no row anything: what is sent is an id, and no caller could repair it."""
    directory = Directory(
        [replace(BERLIN, name="Berlin Mitte")], [replace(INTERVIEW, name="First talk")], NOW
    )
    odd = ACME.model_copy(update={"default_location": "Berlin\nMitte", "default_flow": "First\ttalk"})

    made = plan(due_row(location=None, flow=None), directory, odd, host_of=lambda *_: None, now=NOW)

    assert isinstance(made, Call)


def test_after_a_restore_an_odd_place_is_no_reason_not_to_look() -> None:
    """What is called off may be in Envoy since the backup, and nothing of it is sent."""
    directory = Directory([replace(BERLIN, name="Berlin Mitte")], [], NOW)
    row = due_row(location="Berlin\nMitte", wanted="absent")

    made = plan(row, directory, ACME, host_of=lambda *_: None, now=NOW, restored=True)

    assert isinstance(made, LookFirst)


def test_notes_with_a_marker_are_compared_as_they_were_sent() -> None:
    """What Envoy has of them is not judged again; without the marker they would never be the same."""
    marked = partial(
        plan, directory=DIRECTORY, connection=ACME, host_of=lambda *_: None, now=NOW, marker=True
    )
    fine = marked(due_row(notes="n"))
    assert isinstance(fine, Call)
    assert fine.content
    had = fine.content | {"notes": fine.content["notes"].replace("n", "\x1b", 1)}

    moved = marked(
        due_row(
            envoy_invite_id="7", sent_content=had, notes="\x1b", expected_arrival_at=NOW + timedelta(days=3)
        )
    )

    assert isinstance(moved, Call)
    assert "notes" not in moved.body


def test_an_odd_host_that_envoy_does_not_know_is_told_as_odd() -> None:
    """Although the visit had a host before, so that one had to look who is meant."""

    def unknown(*_: object) -> str:
        raise InputError("host_email", "no employee in Envoy has this e-mail", code="host_unknown")

    row = due_row(envoy_invite_id="7", sent_content={"hostEmployeeId": "9"}, host_email="h@x.example\x1b")

    with pytest.raises(InputError) as caught:
        plan(row, DIRECTORY, ACME, host_of=unknown, now=NOW)

    assert (caught.value.field, caught.value.code) == ("host_email", "control_character")


def test_envoy_is_not_asked_for_an_odd_host() -> None:
    """The look would cost a request, and tell Envoy what the row holds."""

    def ask(*_: object) -> str:
        raise AssertionError

    with pytest.raises(InputError) as caught:
        plan(due_row(host_email="h@x.example\x1b"), DIRECTORY, ACME, host_of=ask, now=NOW)

    assert (caught.value.field, caught.value.code) == ("host_email", "control_character")
