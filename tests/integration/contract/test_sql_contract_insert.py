"""What a plain INSERT into ``invite`` does, and what it refuses, on both databases."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from tests.integration.contract.caller import COLUMNS, Caller, Refused, moment
from worker.database import Database
from worker.invites.model import Invite

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_five_columns_are_enough(caller: Caller) -> None:
    """All other columns have defaults, and a delivery is there at once, due now."""
    caller.insert()

    invite, delivery = caller.invite(), caller.delivery()
    assert invite["wanted"] == "present"
    assert not invite["send_email"]
    assert [invite[key] for key in ("invitee_email", "flow", "notes", "custom_fields", "cleared_at")] == [
        None
    ] * 5
    assert abs(moment(invite["created_at"]) - datetime.now(UTC)) < timedelta(seconds=10)
    assert (delivery["connection"], delivery["status"], delivery["revision"]) == ("acme", "pending", 1)
    assert delivery["fencing_token"] == delivery["attempts"] == 0
    assert moment(delivery["next_attempt_at"]) <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01T09:00:00z",
        "2026-03-01T09:00Z",
        "2026-03-01 09:00:00Z",
        "2026-03-01T10:00:00+01:00",
        "2026-03-01 10:00:00+01:00",
        "2026-03-01T04:00:00-05:00",
        "2026-03-01T14:30:00+05:30",
        "2026-02-28T23:00:00-10:00",
        "2026-03-01T09:00:00.000Z",
        "2026-03-01T09:00:00.000400+00:00",
    ],
)
def test_a_time_with_its_zone_is_understood(text: str, caller: Caller) -> None:
    """Every usual spelling is the same moment, and counts as one revision."""
    caller.insert(expected_arrival_at=text, expected_departure_at=text)

    stored = caller.invite()
    assert abs(moment(stored["expected_arrival_at"]) - NINE) < timedelta(milliseconds=1)
    assert caller.delivery()["revision"] == 1


def test_times_are_stored_on_sqlite_as_text_that_sorts(sqlite_caller: Caller) -> None:
    """UTC, milliseconds, Z: the order of the texts is the order of the moments."""
    for number, text in enumerate(
        ["2026-03-01T10:30:00+01:00", "2026-03-01T09:00:00Z", "2026-03-01T23:59:59.9996Z"]
    ):
        sqlite_caller.insert(f"v-{number}", expected_arrival_at=text)

    rows = sqlite_caller.rows("SELECT expected_arrival_at AS at FROM invite ORDER BY expected_arrival_at")
    assert [row["at"] for row in rows] == [
        "2026-03-01T09:00:00.000Z",
        "2026-03-01T09:30:00.000Z",
        "2026-03-02T00:00:00.000Z",
    ]


@pytest.mark.parametrize("column", ["created_at", "updated_at"])
def test_a_caller_s_own_stamps_are_stored_as_utc(column: str, sqlite_caller: Caller) -> None:
    """ORMs write them, mostly without a zone; they must be readable again."""
    sqlite_caller.insert(**{column: "2026-03-01 09:00:00.123456"})

    assert sqlite_caller.invite()[column] == "2026-03-01T09:00:00.123Z"


NO_TEXTS = {"expected_arrival_at", "expected_departure_at", "send_email"}
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"connection": " "}, "invite_connection_length"),
    ({"connection": "c" * 101}, "invite_connection_length"),
    ({"external_id": ""}, "invite_external_id_length"),
    ({"external_id": "e" * 256}, "invite_external_id_length"),
    ({"invitee_name": ""}, "invite_invitee_name_length"),
    ({"invitee_name": "n" * 256}, "invite_invitee_name_length"),
    ({"invitee_name": None}, "invitee_name"),
    ({"invitee_email": "no address"}, "invite_invitee_email_form"),
    ({"invitee_email": "@x"}, "invite_invitee_email_form"),
    ({"location": "l" * 256}, "invite_location_length"),
    ({"flow": "f" * 256}, "invite_flow_length"),
    ({"host_employee_id": "1" * 65}, "invite_host_employee_id_length"),
    ({"host_email": "h" * 321}, "invite_host_email_length"),
    ({"notes": "n" * 2001}, "invite_notes_length"),
    ({"wanted": "maybe"}, "invite_wanted_known"),
    ({"wanted": None}, "wanted"),
    ({"expected_arrival_at": None}, "expected_arrival_at"),
    ({"expected_arrival_at": "0099-03-01T09:00:00Z"}, "invite_expected_arrival_at_real"),
    ({"expected_departure_at": "9999-12-31T09:00:00Z"}, "invite_expected_departure_at_real"),
    ({"created_at": "1969-03-01T09:00:00Z"}, "invite_created_at_real"),
    ({"expected_departure_at": "2026-03-01T08:59:59Z"}, "invite_departure_after_arrival"),
    ({"expected_departure_at": "2026-03-01T09:30:00+01:00"}, "invite_departure_after_arrival"),
    ({"custom_fields": "[1]"}, "invite_custom_fields_object"),
    ({"custom_fields": '"text"'}, "invite_custom_fields_object"),
]


@pytest.mark.parametrize(("columns", "constraint"), REFUSED)
def test_nonsense_is_refused_by_a_named_constraint(
    columns: dict[str, object], constraint: str, caller: Caller
) -> None:
    """The caller's own statement fails, and its error says which rule it broke."""
    with pytest.raises(Refused, match=constraint):
        caller.insert(**columns)

    assert not caller.rows("SELECT 1 FROM invite") + caller.rows("SELECT 1 FROM delivery")


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-31T09:00:00Z", "2026-02-29T09:00:00Z", "2026-13-01T09:00:00Z", "2026-03-01T25:00:00Z",
        "2026-03-01T09:61:00Z", "soon", "", "Z", "12026-03-01T09:00:00Zx",
    ],
)  # fmt: skip
def test_a_day_or_hour_that_does_not_exist_is_refused(text: str, caller: Caller) -> None:
    """31 February is nobody's 3 March."""
    with pytest.raises(Refused):
        caller.insert(expected_arrival_at=text)


@pytest.mark.parametrize("text", ["2026-03-01T09:00:00", "2026-03-01 09:00:00.000", "2026-03-01T09:00"])
def test_sqlite_refuses_a_time_without_zone(text: str, sqlite_caller: Caller) -> None:
    """Nobody can know which nine o'clock is meant."""
    with pytest.raises(Refused, match="invite_expected_arrival_at_has_zone"):
        sqlite_caller.insert(expected_arrival_at=text)


@pytest.mark.parametrize(
    "value", ["2026-03-01T09:00:00+0100", 1_772_355_600, b"2026-03-01T09:00:00Z", "now", "tomorrow"]
)
def test_sqlite_refuses_what_is_no_text_of_a_time(value: object, sqlite_caller: Caller) -> None:
    """Numbers, bytes and words that SQLite's own functions would accept are refused as well."""
    with pytest.raises(Refused):
        sqlite_caller.insert(expected_arrival_at=value)


def test_postgresql_reads_a_time_without_zone_in_the_session_s_zone(postgresql_caller: Caller) -> None:
    """That is PostgreSQL's rule for timestamptz, and why callers should write the zone."""
    postgresql_caller.rows("SET TimeZone = 'Europe/Berlin'")
    postgresql_caller.insert(expected_arrival_at="2026-03-01 10:00:00")

    assert moment(postgresql_caller.invite()["expected_arrival_at"]) == NINE


def test_postgresql_refuses_times_that_no_client_can_read(postgresql_caller: Caller) -> None:
    """One row with an arrival in infinity must not keep all others from being read."""
    with pytest.raises(Refused, match="invite_expected_arrival_at_real"):
        postgresql_caller.insert(expected_arrival_at="infinity")


@pytest.mark.parametrize("column", sorted(key for key in COLUMNS if key not in NO_TEXTS))
def test_no_text_holds_a_nul(column: str, caller: Caller) -> None:
    """A NUL ends the text for half of the world's programs."""
    with pytest.raises((*Refused, ValueError), match=re.compile("nul|check|syntax|invite_", re.IGNORECASE)):
        caller.insert(**{column: f"{COLUMNS[column]}\x00x"})


@pytest.mark.parametrize("column", sorted(key for key in COLUMNS if key not in NO_TEXTS))
def test_sqlite_refuses_bytes_for_a_text(column: str, sqlite_caller: Caller) -> None:
    """Stored as they came, they would be no text when they are read."""
    with pytest.raises(Refused, match="invite_"):
        sqlite_caller.insert(**{column: str(COLUMNS[column]).encode()})


def test_custom_fields_must_be_json(caller: Caller) -> None:
    """Text that is no JSON is refused by either database in its own words."""
    with pytest.raises(Refused):
        caller.insert(custom_fields="{'a': 1}")


def test_send_email_must_be_yes_or_no(caller: Caller) -> None:
    """SQLite knows no booleans, so a constraint does."""
    with pytest.raises(Refused):
        caller.insert(send_email="perhaps")


def test_a_key_is_unique_within_its_connection(caller: Caller) -> None:
    """The same external id may occur at another customer, but not twice at one."""
    caller.insert()
    caller.insert(connection="other")

    with pytest.raises(Refused, match=r"unique|UNIQUE"):
        caller.insert()


def test_one_row_in_latin_1_does_not_keep_the_others_from_being_read(sqlite_url: str) -> None:
    """SQLite stores whatever bytes a caller calls text."""
    caller = Caller(sqlite_url)
    caller.rows(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
        " VALUES ('acme', 'v-1', CAST(x'4a6f73e9' AS TEXT), 'Berlin', '2026-03-01T09:00:00Z')"
    )
    caller.insert("v-2")
    caller.close()
    database = Database(sqlite_url)

    with database.read() as connection, Session(connection) as session:
        names = [invite.invitee_name for invite in session.exec(select(Invite))]
    database.dispose()

    assert names == ["Jos\ufffd", "Ann Example"]
