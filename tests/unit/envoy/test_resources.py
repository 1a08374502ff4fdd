"""Envoy's answers as values."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy import resources
from worker.envoy.resources import Employee, Flow, Invite, Json, Location

SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["id", "name", "enabled", "timezone", "type", "locationId", "locationIds", "email", "invitee"]
NAMES += ["approvalStatus", "createdAt", "expectedArrivalAt", "notes"]


def test_a_location_is_read() -> None:
    """Id, name, zone, and whether it is in use."""
    item: Json = {"id": 100001, "name": "HQ", "enabled": False, "timezone": "Europe/Berlin", "locale": "de"}

    assert Location("100001", "HQ", enabled=False, timezone="Europe/Berlin") == resources.location(item)


def test_a_location_may_lack_all_but_its_id() -> None:
    """Envoy leaves fields out; a location counts as enabled unless it says otherwise."""
    assert Location("1", "", enabled=True, timezone=None) == resources.location({"id": "1"})


@pytest.mark.parametrize(("place", "expected"), [("100001", "100001"), (None, None)])
def test_a_flow_belongs_to_a_location_or_to_all(place: str | None, expected: str | None) -> None:
    """A global flow has no location."""
    item: Json = {"id": "2", "name": "Visitor", "enabled": True, "type": "VISITOR", "locationId": place}

    expected_flow = Flow("2", "Visitor", enabled=True, type="VISITOR", location_id=expected)
    assert expected_flow == resources.flow(item)


def test_an_employee_is_read() -> None:
    """With the locations where somebody may be a host; unusable ids are left out."""
    item: Json = {"id": "3", "name": "Test Host", "email": "host@example.com", "locationIds": ["1", None, 2]}

    assert Employee("3", "Test Host", "host@example.com", ("1", "2")) == resources.employee(item)


def test_an_invite_is_read() -> None:
    """What look-ups compare, and what an answer must tell."""
    item: Json = {
        "id": "40000001",
        "createdAt": "2026-02-20T10:00:00.123Z",
        "expectedArrivalAt": "2026-03-02T16:00:00+01:00",
        "locationId": 100001,
        "approvalStatus": "PENDING",
        "notes": "ref:1",
        "secretToken": "hush",
        "invitee": {"name": "Test Visitor", "email": "visitor@example.com"},
    }

    expected = Invite(
        id="40000001",
        approval_status="PENDING",
        created_at=datetime(2026, 2, 20, 10, 0, 0, 123000, tzinfo=UTC),
        expected_arrival_at=datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC),
        location_id="100001",
        name="Test Visitor",
        email="visitor@example.com",
        notes="ref:1",
        filled=frozenset({"notes", "invitee.email"}),
    )
    assert expected == resources.invite(item)


def test_a_field_that_an_answer_does_not_show_is_neither_filled_nor_empty() -> None:
    """Only what is shown proves anything."""
    found = resources.invite({"id": "1", "notes": None, "customFields": [], "host": {"name": "Host"}})

    assert found is not None
    assert found.filled == {"hostEmployeeId"}
    assert found.empty == {"notes", "customFields"}


def test_nothing_personal_shows_in_a_repr() -> None:
    """A repr may end in a log."""
    person: Json = {"id": "1", "name": "Jane", "email": "jane@example.com"}

    shown = f"{resources.employee(person)} {resources.invite({'id': '1', 'notes': 'VIP', 'invitee': person})}"

    assert not {"Jane", "jane@example.com", "VIP"} & set(shown.replace("'", " ").split())
    assert "jane" not in shown.lower()


@pytest.mark.parametrize("value", ["soon", "", 7, None, "2026-02-31T00:00:00Z", "0001-01-01T00:00:00+09:00"])
def test_an_unreadable_time_is_none(value: object) -> None:
    """A strange time does not cost the invite."""
    assert resources.instant(value) is None


def test_a_time_without_zone_is_utc() -> None:
    """Envoy documents UTC throughout."""
    assert datetime(2026, 3, 2, 15, 0, tzinfo=UTC) == resources.instant("2026-03-02T15:00:00")


@given(st.dictionaries(st.sampled_from(NAMES), SOME_JSON))
def test_any_item_is_a_storable_value_or_none(item: Json) -> None:
    """No JSON breaks the parsing, and every text could be stored by any database."""
    parsers = (resources.location, resources.flow, resources.employee, resources.invite)
    for value in (parse(item) for parse in parsers):
        texts = [getattr(value, name) for name in getattr(value, "__slots__", ())]
        stored = [text for text in texts if isinstance(text, str)]
        assert all("\x00" not in text and text.encode() is not None for text in stored)


def test_an_employee_belongs_to_no_more_places_than_a_list_may_have() -> None:
    """Of one who is said to be everywhere, 2 MB of ids need not be kept."""
    found = resources.employee(
        {"id": "1", "locationIds": [str(number) for number in range(resources.MOST_PLACES + 1)]}
    )

    assert found is not None
    assert len(found.location_ids) == resources.MOST_PLACES
