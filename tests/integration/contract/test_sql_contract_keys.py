"""What deleting an invite and changing its key do: an invite that Envoy may have keeps its name."""

import pytest

from tests.integration.contract.caller import Caller, Refused

INSTEAD = "set wanted = 'absent'"


@pytest.mark.parametrize("status", ["pending", "rejected", "expired", "withdrawn"])
def test_an_invite_that_was_never_tried_can_be_deleted(status: str, caller: Caller) -> None:
    """Its delivery goes along."""
    caller.insert()
    caller.deliver(status, attempts=0)

    caller.rows("DELETE FROM invite WHERE external_id = 'v-1'")

    assert not caller.rows("SELECT 1 FROM delivery")


@pytest.mark.parametrize(
    "status", ["pending", "sending", "sent", "unknown", "rejected", "expired", "withdrawn"]
)
def test_an_invite_that_was_tried_cannot_be_deleted(status: str, caller: Caller) -> None:
    """Envoy may have it; the refusal says what to do instead."""
    caller.insert()
    caller.deliver(status)

    with pytest.raises(Refused, match=INSTEAD):
        caller.rows("DELETE FROM invite WHERE external_id = 'v-1'")

    assert caller.invite()
    assert caller.delivery()["status"] == status


def test_one_refused_row_keeps_a_whole_delete_from_happening(caller: Caller) -> None:
    """As with every statement: all or nothing."""
    caller.insert("v-1")
    caller.insert("v-2")
    caller.deliver("sent", external_id="v-2")

    with pytest.raises(Refused, match=INSTEAD):
        caller.rows("DELETE FROM invite")

    assert len(caller.rows("SELECT 1 FROM invite")) == len(caller.rows("SELECT 1 FROM delivery")) == 2


@pytest.mark.parametrize(("column", "value"), [("external_id", "v-9"), ("connection", "other")])
def test_an_invite_that_was_never_tried_can_be_renamed(column: str, value: str, caller: Caller) -> None:
    """Its delivery takes the new key, and stays the only one."""
    caller.insert()

    caller.change(**{column: value})

    delivery = caller.one("SELECT * FROM delivery")
    assert (delivery[column], delivery["status"]) == (value, "pending")


@pytest.mark.parametrize(("column", "value"), [("external_id", "v-9"), ("connection", "other")])
def test_a_rename_is_a_change(column: str, value: str, caller: Caller) -> None:
    """What was planned under the old key is void, and a row that was refused there gets another try."""
    caller.insert()
    caller.deliver("rejected", attempts=0)

    caller.change(**{column: value})

    delivery = caller.one("SELECT * FROM delivery")
    assert (delivery["status"], delivery["revision"], delivery["error_code"]) == ("pending", 2, None)


@pytest.mark.parametrize(("column", "value"), [("external_id", "v-9"), ("connection", "other")])
def test_an_invite_that_was_tried_cannot_be_renamed(column: str, value: str, caller: Caller) -> None:
    """Envoy's invite hangs on the key; another one would be sent as a new visit."""
    caller.insert()
    caller.deliver("sent")

    with pytest.raises(Refused, match="instead of renaming"):
        caller.change(**{column: value})

    assert caller.delivery()["status"] == "sent"


def test_no_two_invites_come_to_one_key(caller: Caller) -> None:
    """Renaming onto a key that is taken is refused, and both rows stay."""
    caller.insert("v-1")
    caller.insert("v-2")

    with pytest.raises(Refused, match=r"unique|UNIQUE"):
        caller.rows("UPDATE invite SET external_id = 'v-2' WHERE external_id = 'v-1'")

    assert caller.delivery("v-1")["status"] == caller.delivery("v-2")["status"] == "pending"


def test_replacing_while_renaming_cannot_push_a_sent_invite_out(sqlite_caller: Caller) -> None:
    """UPDATE OR REPLACE deletes the row in its way without a trigger."""
    sqlite_caller.insert("v-1")
    sqlite_caller.insert("v-2")
    sqlite_caller.deliver("sent", external_id="v-2")

    with pytest.raises(Refused, match="this invite was sent or tried"):
        sqlite_caller.rows("UPDATE OR REPLACE invite SET external_id = 'v-2' WHERE external_id = 'v-1'")

    assert sqlite_caller.delivery("v-2")["status"] == "sent"


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_replacing_by_id_cannot_rename_a_sent_invite(verb: str, sqlite_caller: Caller) -> None:
    """A row with a known id and another key would leave the old delivery without its invite."""
    sqlite_caller.insert()
    sqlite_caller.deliver("sent")

    with pytest.raises(Refused, match="belongs to another invite"):
        sqlite_caller.insert("v-2", verb=verb, id=sqlite_caller.invite()["id"])

    assert sqlite_caller.delivery()["status"] == "sent"


def test_replacing_by_id_leaves_no_delivery_behind(sqlite_caller: Caller) -> None:
    """Where nothing was tried yet, the old key's delivery goes, and the new key's comes."""
    sqlite_caller.insert()

    sqlite_caller.insert("v-2", verb="REPLACE", id=sqlite_caller.invite()["id"])

    assert [row["external_id"] for row in sqlite_caller.rows("SELECT external_id FROM delivery")] == ["v-2"]


def test_an_upsert_by_id_renames_an_invite_that_was_never_tried(sqlite_caller: Caller) -> None:
    """It ends with one invite and one delivery, under the new key."""
    sqlite_caller.insert()
    number = sqlite_caller.invite()["id"]

    sqlite_caller.rows(
        "INSERT INTO invite (id, connection, external_id, invitee_name, location, expected_arrival_at)"
        " VALUES (?, 'acme', 'v-2', 'Ann', 'Berlin', '2026-03-01T09:00:00Z')"
        " ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id",
        number,
    )

    assert [row["external_id"] for row in sqlite_caller.rows("SELECT external_id FROM delivery")] == ["v-2"]


def test_replacing_by_its_own_id_is_an_ordinary_change(sqlite_caller: Caller) -> None:
    """ORMs that save by REPLACE give the id they read."""
    sqlite_caller.insert()
    sqlite_caller.deliver("sent")

    sqlite_caller.insert(verb="REPLACE", id=sqlite_caller.invite()["id"], notes="new")

    assert (sqlite_caller.delivery()["status"], sqlite_caller.delivery()["revision"]) == ("pending", 2)


def test_a_withdrawn_wish_is_an_ordinary_change(caller: Caller) -> None:
    """``wanted = 'absent'`` makes the delivery due, and the worker removes the invite from Envoy."""
    caller.insert()
    caller.deliver("sent")

    caller.rows("UPDATE invite SET wanted = 'absent'")

    assert caller.delivery()["status"] == "pending"


def test_the_view_shows_both_sides(caller: Caller) -> None:
    """A caller reads what it wrote beside what became of it."""
    caller.insert()
    caller.deliver("rejected")

    row = caller.one("SELECT * FROM invite_status WHERE connection = 'acme' AND external_id = 'v-1'")

    assert (row["invitee_name"], row["status"], row["error_code"]) == ("Ann Example", "rejected", "some_code")
