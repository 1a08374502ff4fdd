"""The number of a row: the database gives it, and a caller who gives one can spoil nothing."""

from itertools import product

import pytest

from tests.integration.contract.caller import Caller, Refused

LARGEST = 2**63 - 1
LARGEST_KEPT = 2**53 - 1


def test_sqlite_refuses_a_number_behind_which_there_is_none(sqlite_caller: Caller) -> None:
    """Otherwise every later INSERT would fail, of all things as a full disk."""
    for verb, number in product(("INSERT", "INSERT OR IGNORE", "REPLACE"), (LARGEST, LARGEST_KEPT + 1)):
        with pytest.raises(Refused, match="invite_id_too_large"):
            sqlite_caller.insert(verb=verb, id=number)
    sqlite_caller.insert("v-2")

    assert sqlite_caller.invite("v-2")["id"] == 1


NOT_DONE = {
    "OR IGNORE, its key is taken": ("INSERT OR IGNORE", "'Ann'", ""),
    "OR IGNORE, a column is missing": ("INSERT OR IGNORE", "NULL", ""),
    "OR IGNORE, a check fails": ("INSERT OR IGNORE", "''", ""),
    "DO NOTHING": ("INSERT", "'Ann'", "ON CONFLICT DO NOTHING"),
    "an upsert by key": (
        "INSERT",
        "'Ann'",
        "ON CONFLICT (connection, external_id) DO UPDATE SET notes = 'x'",
    ),
}


@pytest.mark.parametrize("form", NOT_DONE)
def test_sqlite_counts_no_number_of_a_row_that_does_not_come(form: str, sqlite_caller: Caller) -> None:
    """It takes note of a number before it knows whether the row goes in; so it is refused before that."""
    verb, name, clause = NOT_DONE[form]
    sqlite_caller.insert()
    with pytest.raises(Refused, match="invite_id_too_large"):
        sqlite_caller.rows(
            f"{verb} INTO invite (id, connection, external_id, invitee_name, expected_arrival_at)"
            f" VALUES ({LARGEST}, 'acme', 'v-1', {name}, '2031-03-01T09:00:00Z') {clause}"
        )
    sqlite_caller.insert("v-2")

    assert sqlite_caller.invite("v-2")["id"] == 2


def test_sqlite_refuses_it_in_an_update_too(sqlite_caller: Caller) -> None:
    """Moving a row there is the same, by whatever name SQLite has for its id."""
    sqlite_caller.insert()

    for name in ("id", "rowid", "oid", "_rowid_"):
        with pytest.raises(Refused, match="invite_id_too_large"):
            sqlite_caller.change(**{name: LARGEST})

    assert sqlite_caller.invite()["id"] == 1


@pytest.mark.parametrize("number", [LARGEST_KEPT, -1, 0])
def test_rows_can_be_written_behind_any_number_that_is_taken(number: int, caller: Caller) -> None:
    """Behind the largest that is allowed come the next ones, and behind a negative one the first."""
    caller.insert(id=number)
    known = caller.delivery()["invite_id"]
    caller.insert("v-2")
    caller.rows("DELETE FROM invite")
    caller.insert("v-3")
    caller.insert("v-4")

    assert known == number
    assert caller.invite("v-4")["id"] == caller.invite("v-3")["id"] + 1


def test_a_delivery_knows_its_invite_by_number(caller: Caller) -> None:
    """It follows where a caller numbers rows again, which is no change of the visit."""
    caller.insert()
    caller.deliver("sent")

    caller.rows("UPDATE invite SET id = 77")

    delivery = caller.delivery()
    assert (delivery["invite_id"], delivery["status"], delivery["revision"]) == (77, "sent", 1)


def test_a_row_that_has_the_largest_number_can_be_called_off(sqlite_caller: Caller) -> None:
    """Rules hold for what is changed, so that old content never stands in the way."""
    sqlite_caller.rows("DROP TRIGGER invite_numbered")
    sqlite_caller.insert(id=LARGEST)
    sqlite_caller.deliver("sent")

    sqlite_caller.change(wanted="absent")

    assert (sqlite_caller.delivery()["status"], sqlite_caller.delivery()["revision"]) == ("pending", 2)
