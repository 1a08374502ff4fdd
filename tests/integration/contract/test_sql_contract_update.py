"""What an UPDATE, a REPLACE and an upsert of ``invite`` do to its delivery."""

import pytest

from tests.integration.contract.caller import ARRIVAL, COLUMNS, Caller, Refused, moment

FINISHED = ["sent", "rejected", "expired", "withdrawn"]
OTHER = {**dict.fromkeys(COLUMNS, "changed"), "invitee_email": "new@example.com", "wanted": "absent"}
OTHER |= {"expected_arrival_at": "2026-03-01T08:00:00Z", "expected_departure_at": "2026-03-01T12:00:00Z"}
OTHER |= {"custom_fields": '{"Company": "Other"}'}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_of_the_caller_counts(column: str, caller: Caller) -> None:
    """It raises the revision and makes a finished delivery due again, its old error forgotten."""
    caller.insert()
    caller.deliver("sent")
    value = True if column == "send_email" else OTHER[column]

    caller.change(**{column: value})

    delivery = caller.delivery()
    assert (delivery["status"], delivery["revision"]) == ("pending", 2)
    assert delivery["next_attempt_at"] is not None
    assert (delivery["error_code"], delivery["error_detail"], delivery["deferrals"]) == (None, None, 0)
    assert delivery["fencing_token"] == delivery["attempts"] == 1


@pytest.mark.parametrize("status", [*FINISHED, "pending"])
def test_a_change_reopens_what_was_finished(status: str, caller: Caller) -> None:
    """Sent, rejected, expired or withdrawn: the newest revision is looked at again."""
    caller.insert()
    caller.deliver(status)

    caller.rows("UPDATE invite SET notes = 'new'")

    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("pending", 2)


@pytest.mark.parametrize("status", ["sending", "unknown"])
def test_a_change_waits_for_an_attempt_to_settle(status: str, caller: Caller) -> None:
    """While it is not known what Envoy has, only the revision rises."""
    caller.insert()
    caller.deliver(status)

    caller.rows("UPDATE invite SET notes = 'new'")

    delivery = caller.delivery()
    assert (delivery["status"], delivery["revision"], delivery["error_code"]) == (status, 2, "some_code")
    assert delivery["next_attempt_at"] is None


def test_an_orm_that_writes_every_column_changes_nothing(caller: Caller) -> None:
    """The same values again are no change."""
    caller.insert(**COLUMNS)
    caller.deliver("sent")
    stamp = caller.invite()["updated_at"]

    caller.change(**COLUMNS)

    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("sent", 1)
    assert caller.invite()["updated_at"] == stamp


@pytest.mark.parametrize(
    "text", ["2026-03-01T10:00:00+01:00", "2026-03-01 09:00:00.000Z", "2026-03-01T09:00Z"]
)
def test_another_spelling_of_the_same_moment_is_no_change(text: str, caller: Caller) -> None:
    """It is stored in our form, and the delivery stays as it is."""
    caller.insert(expected_departure_at=ARRIVAL)
    caller.deliver("sent")
    before = caller.invite()

    caller.rows("UPDATE invite SET expected_arrival_at = ?, expected_departure_at = ?", text, text)

    assert caller.invite() == before
    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("sent", 1)


def test_a_new_time_is_stored_as_utc_too(sqlite_caller: Caller) -> None:
    """UPDATE takes the same spellings as INSERT."""
    sqlite_caller.insert()

    sqlite_caller.rows("UPDATE invite SET expected_arrival_at = '2026-03-01T12:00:00+01:00'")

    assert sqlite_caller.invite()["expected_arrival_at"] == "2026-03-01T11:00:00.000Z"
    assert sqlite_caller.delivery()["revision"] == 2


@pytest.mark.parametrize("column", ["created_at", "updated_at"])
def test_a_caller_s_own_stamps_are_no_change(column: str, caller: Caller) -> None:
    """ORMs touch them on every save."""
    caller.insert()
    caller.deliver("sent")

    caller.change(**{column: "2026-03-01 09:00:00+00:00"})

    assert moment(caller.invite()[column]) == moment(ARRIVAL)
    assert caller.delivery()["revision"] == 1


def test_a_change_stamps_the_invite(caller: Caller) -> None:
    """``updated_at`` tells when the caller last changed something."""
    caller.insert(updated_at="2020-01-01T00:00:00Z")

    caller.rows("UPDATE invite SET notes = 'new'")

    assert moment(caller.invite()["updated_at"]) > moment(ARRIVAL.replace("2026", "2021"))


def test_a_retention_clear_is_no_change(caller: Caller) -> None:
    """Personal data goes, with the mark that says so, and nothing is sent because of it."""
    caller.insert(**COLUMNS)
    caller.deliver("sent")

    caller.change(
        invitee_name="(cleared)",
        invitee_email=None,
        notes=None,
        custom_fields=None,
        cleared_at="2026-04-01T00:00:00Z",
    )

    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("sent", 1)


def test_a_change_after_a_retention_clear_counts_again(caller: Caller) -> None:
    """The mark silences its own UPDATE only."""
    caller.insert(cleared_at="2026-04-01T00:00:00Z")
    caller.deliver("sent")

    caller.rows("UPDATE invite SET invitee_name = 'Ben Example'")

    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("pending", 2)


def test_an_update_is_held_to_the_same_rules(caller: Caller) -> None:
    """What INSERT refuses, UPDATE refuses, and nothing is half done."""
    caller.insert()
    caller.deliver("sent")

    with pytest.raises(Refused, match="invite_wanted_known"):
        caller.rows("UPDATE invite SET wanted = 'maybe', notes = 'new'")

    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("sent", 1)


UPSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', 'v-1', ?, 'Berlin', ?)"
    " ON CONFLICT (connection, external_id) DO UPDATE SET"
    " invitee_name = excluded.invitee_name, expected_arrival_at = excluded.expected_arrival_at"
)


def test_an_upsert_makes_the_row_or_changes_it(caller: Caller) -> None:
    """The first makes it, the same again changes nothing, another value is a change."""
    caller.rows(UPSERT, "Ann", ARRIVAL)
    assert caller.delivery()["revision"] == 1

    caller.deliver("sent")
    caller.rows(UPSERT, "Ann", "2026-03-01T10:00:00+01:00")
    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("sent", 1)

    caller.rows(UPSERT, "Ben", ARRIVAL)
    assert (caller.delivery()["status"], caller.delivery()["revision"]) == ("pending", 2)


@pytest.mark.parametrize("status", [*FINISHED, "pending"])
def test_replacing_a_row_keeps_its_delivery_and_counts_as_a_change(
    status: str, sqlite_caller: Caller
) -> None:
    """INSERT OR REPLACE deletes and inserts; what was sent must not be forgotten."""
    sqlite_caller.insert()
    sqlite_caller.deliver(status)
    before = sqlite_caller.delivery()

    sqlite_caller.insert(verb="INSERT OR REPLACE", invitee_name="Ben Example")

    after = sqlite_caller.delivery()
    assert (after["id"], after["fencing_token"]) == (before["id"], 1)
    assert (after["status"], after["revision"], after["error_code"]) == ("pending", 2, None)


def test_replacing_a_row_waits_for_an_attempt_to_settle(sqlite_caller: Caller) -> None:
    """What is being sent stays so, with a new revision to look at afterwards."""
    sqlite_caller.insert()
    sqlite_caller.deliver("sending")

    sqlite_caller.insert(verb="REPLACE", notes="new")

    assert (sqlite_caller.delivery()["status"], sqlite_caller.delivery()["revision"]) == ("sending", 2)
