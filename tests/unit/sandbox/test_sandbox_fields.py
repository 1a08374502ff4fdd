"""The sandbox's validation of what a client sends for an invite."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.fields import invite_fields
from worker.sandbox.refusals import Refused
from worker.sandbox.values import Record, instant_text

LEAST: Record = {
    "expectedArrivalAt": "2026-03-02T15:00:00Z",
    "locationId": "100001",
    "invitee": {"name": "Test Visitor"},
}


def checked(**changes: object) -> Record:
    """Return the fields found in the least body with these changes."""
    return invite_fields({"invite": {**LEAST, **changes}}, partial=False)


def test_the_three_required_fields_are_enough() -> None:
    """Arrival, location and the invitee's name make an invite."""
    assert checked() == LEAST


@pytest.mark.parametrize("name", ["expectedArrivalAt", "locationId", "invitee"])
def test_a_missing_required_field_is_a_400_that_names_it(name: str) -> None:
    """A create without a required field is refused, and the message says which one."""
    sent = {key: value for key, value in LEAST.items() if key != name}

    with pytest.raises(Refused) as refused:
        invite_fields({"invite": sent}, partial=False)

    assert refused.value.status == 400
    assert refused.value.body == {"message": f"{name} is missing"}


def test_a_partial_body_may_leave_required_fields_out() -> None:
    """An update names only what changes."""
    assert invite_fields({"invite": {"notes": "x"}}, partial=True) == {"notes": "x"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expectedArrivalAt", "tomorrow"),
        ("expectedArrivalAt", "2026-02-31T10:00:00Z"),
        ("expectedArrivalAt", "2026-03-02T15:00:00"),
        ("expectedArrivalAt", None),
        ("expectedArrivalAt", "0001-01-01T00:00:00+14:00"),
        ("expectedDepartureAt", 1772463600),
        ("locationId", True),
        ("locationId", ["100001"]),
        ("invitee", "Test Visitor"),
        ("invitee", {"name": "  "}),
        ("invitee", {"email": "visitor@example.com"}),
        ("invitee", {"name": "Test Visitor", "email": "visitor"}),
        ("notes", 7),
        ("sendEmailToInvitee", "false"),
        ("customFields", {"Host": "Test Host"}),
        ("customFields", [{"field": "Host", "value": 7}]),
        ("type", "GUEST"),
    ],
)
def test_a_field_of_the_wrong_form_is_a_400(name: str, value: object) -> None:
    """A value that cannot be read is refused, whatever else the body holds."""
    with pytest.raises(Refused) as refused:
        checked(**{name: value})

    assert refused.value.status == 400


@pytest.mark.parametrize("body", [None, [], "invite", {}, {"invite": []}])
def test_a_body_without_an_invite_object_is_a_400(body: object) -> None:
    """The object must be wrapped in the key invite."""
    with pytest.raises(Refused) as refused:
        invite_fields(body, partial=True)

    assert refused.value.status == 400


def test_unknown_keys_are_ignored_and_numbers_serve_as_ids() -> None:
    """Envoy takes numbers for ids and passes over keys that it does not know."""
    assert checked(locationId=100001, phone="1", invitee={"name": "Test Visitor", "age": 7}) == LEAST


def test_null_unsets_an_optional_field() -> None:
    """A field that may be absent may be null."""
    assert checked(notes=None)["notes"] is None


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_an_instant_is_the_same_in_every_zone(local: datetime, offset: int) -> None:
    """Whatever offset a client writes, the answer names the same instant in UTC, to the second."""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset)), microsecond=0)

    assert datetime.fromisoformat(instant_text(moment.isoformat())) == moment
    assert instant_text(moment.isoformat()).endswith("Z")
