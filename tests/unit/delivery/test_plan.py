"""What is to be done about a due row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.due_rows import ACME, DIRECTORY, NOW, due_row
from worker.connections.model import Connection
from worker.delivery.due import DueRow
from worker.delivery.plan import Call, Plan, Settled, end_of_day, plan
from worker.directory.entries import Location
from worker.errors import InputError
from worker.invites import Kind, Status


def planned(row: DueRow, *, connection: Connection = ACME, now: datetime = NOW) -> Plan:
    """Plan a row in the usual directory."""
    return plan(row, DIRECTORY, connection, host_of=lambda one, _: one.host_employee_id, now=now)


def test_what_is_wanted_and_not_there_is_created() -> None:
    """The body is Envoy's, with only what is given."""
    made = planned(due_row(flow="interview"))

    assert isinstance(made, Call)
    assert made.kind is Kind.CREATE
    assert made.body == {
        "expectedArrivalAt": "2030-01-11T09:00:00Z",
        "locationId": "100",
        "flowId": "200",
        "invitee": {"name": "Ann Example"},
        "sendEmailToInvitee": False,
    }


def test_what_is_there_and_equal_needs_no_call() -> None:
    """A change back to what Envoy has is finished at once."""
    created = planned(due_row())
    assert isinstance(created, Call)

    assert planned(due_row(envoy_invite_id="7", sent_content=created.content)) == Settled(Status.SENT)


def test_an_update_sends_what_changed_and_the_mail_switch() -> None:
    """Unchanged fields stay out of the body, and the switch is always explicit."""
    created = planned(due_row(notes="a"))
    assert isinstance(created, Call)

    made = planned(due_row(notes="b", envoy_invite_id="7", sent_content=created.content))

    assert isinstance(made, Call)
    assert made.kind is Kind.UPDATE
    assert made.body == {"notes": "b", "sendEmailToInvitee": False}


def test_location_flow_and_host_travel_together() -> None:
    """A changed flow takes its location along, since Envoy wants them to agree."""
    created = planned(due_row())
    assert isinstance(created, Call)

    made = planned(due_row(flow="Interview", envoy_invite_id="7", sent_content=created.content))

    assert isinstance(made, Call)
    assert made.body == {"flowId": "200", "locationId": "100", "sendEmailToInvitee": False}


def test_a_cleared_field_is_sent_as_null() -> None:
    """Envoy is told that it is gone."""
    created = planned(due_row(notes="a"))
    assert isinstance(created, Call)

    made = planned(due_row(notes="  ", envoy_invite_id="7", sent_content=created.content))

    assert isinstance(made, Call)
    assert made.body == {"notes": None, "sendEmailToInvitee": False}


def test_what_is_not_wanted_is_removed_or_withdrawn() -> None:
    """With an Envoy id there is a call; without one there is none, whatever else the row says."""
    remove = planned(due_row(wanted="absent", envoy_invite_id="7"))
    assert isinstance(remove, Call)
    assert (remove.kind, remove.body) == (Kind.REMOVE, {})
    assert planned(due_row(wanted="absent", location="Nowhere")) == Settled(Status.WITHDRAWN)


def test_custom_fields_go_out_as_envoys_list() -> None:
    """Labels and values become field and value, all of them text."""
    made = planned(due_row(custom_fields={"Company": "Example Ltd", "Badge": 7, "Escort": True}))

    assert isinstance(made, Call)
    assert made.body["customFields"] == [
        {"field": "Badge", "value": "7"},
        {"field": "Company", "value": "Example Ltd"},
        {"field": "Escort", "value": "true"},
    ]


def test_the_connections_defaults_fill_what_a_row_leaves_out() -> None:
    """A row may name neither location nor flow."""
    connection = Connection(id=1, name="acme", default_location="berlin", default_flow="interview")

    made = planned(due_row(location=None, flow=""), connection=connection)

    assert isinstance(made, Call)
    assert (made.body["locationId"], made.body["flowId"]) == ("100", "200")


def test_no_location_at_all_is_an_error_with_the_command_that_mends_it() -> None:
    """The operator is told how to set a default."""
    with pytest.raises(InputError) as caught:
        planned(due_row(location=" "))

    assert caught.value.code == "location_missing"
    assert "connections set acme" in caught.value.hint


@pytest.mark.parametrize(
    ("arrival", "departure", "over"),
    [
        ("2030-01-10T11:00:00+00:00", "2030-01-10T11:59:00+00:00", True),
        ("2030-01-10T11:00:00+00:00", "2030-01-10T12:01:00+00:00", False),
        ("2030-01-10T08:00:00+00:00", None, False),
        ("2030-01-09T22:30:00+00:00", None, True),
        ("2030-01-09T23:30:00+00:00", None, False),  # the tenth already, in Berlin
    ],
)
def test_over_means_past_the_departure_or_the_day_at_the_location(
    arrival: str, departure: str | None, *, over: bool
) -> None:
    """Without a departure the whole day of the arrival counts, in the location's zone."""
    row = due_row(
        expected_arrival_at=datetime.fromisoformat(arrival),
        expected_departure_at=datetime.fromisoformat(departure) if departure else None,
    )

    made = planned(row)

    assert isinstance(made, Settled) is over
    if isinstance(made, Settled):
        assert made.status is Status.EXPIRED
        assert made.visit_end is not None


def test_a_visit_that_envoy_has_never_expires() -> None:
    """A change of a past visit is still sent."""
    row = due_row(expected_arrival_at=NOW - timedelta(days=9), envoy_invite_id="7", sent_content={})

    assert isinstance(planned(row), Call)


@given(
    arrival=st.integers(10**9, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", None]
    ),
)
def test_the_end_of_the_day_is_never_before_the_arrival(arrival: datetime, zone: str | None) -> None:
    """Whatever the zone and the night, an arrival lies in its own day, which is at most 25 h long."""
    location = Location(connection_id=1, envoy_id="1", name="x", enabled=True, timezone=zone)

    end = end_of_day(arrival, location)

    assert timedelta(seconds=-1) < end - arrival <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("zone", "arrival", "end"),
    [
        ("America/Santiago", "2027-04-03T15:00:00+00:00", "2027-04-04T03:59:59+00:00"),
        ("America/Havana", "2026-11-01T15:00:00+00:00", "2026-11-02T04:59:59+00:00"),
    ],
)
def test_the_day_ends_for_good_where_its_last_hour_comes_twice(zone: str, arrival: str, end: str) -> None:
    """At midnight the clock is put back to 23:00: a visit in the second of these hours is not over yet."""
    location = Location(connection_id=1, envoy_id="1", name="x", enabled=True, timezone=zone)

    found = end_of_day(datetime.fromisoformat(arrival), location)

    assert found.astimezone(UTC) == datetime.fromisoformat(end)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1), st.one_of(st.none(), st.emails()))
def test_twins_differ_only_in_what_a_look_up_cannot_see(name: str, email: str | None) -> None:
    """Case of name and e-mail, notes and flow make no difference; another arrival does."""
    row = due_row(invitee_name=name, invitee_email=email)
    same = due_row(invitee_name=name.upper().lower(), invitee_email=email, notes="x", flow="Interview")
    other = due_row(invitee_name=name, invitee_email=email, expected_arrival_at=NOW + timedelta(days=2))

    keys = [_key(planned(made)) for made in (row, same, other)]

    if name.casefold() == name.upper().lower().casefold():
        assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def _key(made: Any) -> str | None:
    assert isinstance(made, Call)
    return made.content_key
