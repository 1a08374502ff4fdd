"""What goes to Envoy holds no odd sign, whatever the row holds; and what Envoy has is not judged."""

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.delivery.making import ACME, DIRECTORY, NOW, due_row
from worker.delivery.plan import Call, Plan, Settled, plan
from worker.delivery.rows import DueRow
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
    """Plan a row in the usual directory; a host is who the row says."""
    return plan(row, DIRECTORY, ACME, host_of=lambda one, _: one.host_employee_id, now=NOW)


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
    fine = planned(due_row(custom_fields={"a": "1"}, host_employee_id="9", notes="n"))
    assert isinstance(fine, Call)
    assert fine.content
    had = fine.content | {
        "invitee": {"name": text}, "hostEmployeeId": text, "notes": "n",
        "customFields": [{"field": "a", "value": text}, {"field": "b", "value": "1"}],
    }  # fmt: skip
    there: dict[str, Any] = {
        "envoy_invite_id": "7", "sent_content": had, "invitee_name": text, "host_employee_id": text,
        "notes": "n", "custom_fields": {"a": text, "b": "1"},
    }  # fmt: skip

    moved = planned(due_row(**there, expected_arrival_at=NOW + timedelta(days=3)))

    assert planned(due_row(**there)) == Settled(Status.SENT)
    assert isinstance(moved, Call)
    assert moved.body.keys() == {"expectedArrivalAt", "sendEmailToInvitee"}


def test_a_connections_default_is_judged_as_well() -> None:
    """An operator's own hand, or a release that did not ask, may have put it there."""
    connection = ACME.model_copy(update={"default_custom_fields": {"Company": "a\x1b"}})

    with pytest.raises(InputError) as caught:
        plan(due_row(), DIRECTORY, connection, host_of=lambda *_: None, now=NOW)

    assert str(caught.value) == (
        "custom_fields: the value of label 1 of 1, in alphabetical order, holds a control character (U+001B)"
    )


def test_envoy_is_not_asked_for_an_odd_host() -> None:
    """The look would cost a request, and tell Envoy what the row holds."""

    def ask(*_: object) -> str:
        raise AssertionError

    with pytest.raises(InputError) as caught:
        plan(due_row(host_email="h@x.example\x1b"), DIRECTORY, ACME, host_of=ask, now=NOW)

    assert (caught.value.field, caught.value.code) == ("host_email", "control_character")
