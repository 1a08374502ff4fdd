"""A caller's own triggers on the table, before ours and after: what counts is the row that is there then."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from tests.integration.contract.caller import Caller, Refused

# PostgreSQL runs triggers by their names, SQLite as it likes.
NAMES = ("aaa_own", "zzz_own")
SHOUTED = "UPDATE invite SET external_id = upper(NEW.external_id) WHERE id = NEW.id"
NUMBERED = "UPDATE invite SET id = NEW.id + 1000 WHERE id = NEW.id"
NOTED = "UPDATE invite SET notes = 'noted', wanted = 'absent' WHERE id = NEW.id"
REMOVED = "DELETE FROM invite WHERE id = NEW.id"
WRITTEN_AGAIN = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at, wanted)"
    " VALUES (OLD.connection, OLD.external_id, OLD.invitee_name, OLD.location, OLD.expected_arrival_at,"
    " 'absent')"
)


@contextmanager
def own(caller: Caller, name: str, event: str, action: str) -> Iterator[None]:
    """Give a trigger of the caller's own for as long as the block lasts."""
    if caller.sqlite:
        caller.rows(f"CREATE TRIGGER {name} AFTER {event} ON invite BEGIN {action}; END")
        yield
        caller.rows(f"DROP TRIGGER {name}")
        return
    # PostgreSQL's triggers call themselves.
    once = f"IF pg_trigger_depth() = 1 THEN {action}; END IF; RETURN NULL;"
    caller.rows(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $own$ BEGIN {once} END $own$")
    caller.rows(f"CREATE TRIGGER {name} AFTER {event} ON invite FOR EACH ROW EXECUTE FUNCTION {name}()")
    yield
    caller.rows(f"DROP FUNCTION {name}() CASCADE")


def keys(caller: Caller) -> tuple[Sequence[object], Sequence[object]]:
    """Return the invites, and the deliveries by what they know of their invites: both are to be the same."""
    invites = caller.rows("SELECT external_id AS key, id FROM invite ORDER BY id")
    return invites, caller.rows("SELECT external_id AS key, invite_id AS id FROM delivery ORDER BY invite_id")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_a_trigger_changes_as_it_comes_has_its_one_delivery(name: str, caller: Caller) -> None:
    """Its key, its number, or what it says; and none where the trigger has removed it."""
    for external_id, action in (("a", SHOUTED), ("b", NUMBERED), ("c", NOTED), ("d", REMOVED)):
        with own(caller, name, "INSERT", action):
            caller.insert(external_id)

    invites, deliveries = keys(caller)

    assert invites == deliveries
    assert {row["external_id"] for row in caller.rows("SELECT external_id FROM invite")} == {"A", "b", "c"}


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_a_trigger_changes_as_it_moves_keeps_its_one_delivery(name: str, caller: Caller) -> None:
    """Renamed once more, numbered again, removed: what was not tried keeps the same delivery."""
    for external_id, action in (("a", SHOUTED), ("b", NUMBERED), ("c", NOTED), ("d", REMOVED)):
        caller.insert(external_id)
        known = caller.delivery(external_id)["id"]
        with own(caller, name, "UPDATE OF external_id", action):
            caller.rows(
                "UPDATE invite SET external_id = ? WHERE external_id = ?", f"new-{external_id}", external_id
            )
        assert [row["id"] for row in caller.rows("SELECT id FROM delivery WHERE id = ?", known)] == (
            [] if action == REMOVED else [known]
        )

    invites, deliveries = keys(caller)

    assert invites == deliveries
    assert len(invites) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_was_tried_is_renamed_by_no_trigger(name: str, caller: Caller) -> None:
    """Whatever the trigger makes of the new key: Envoy's invite hangs on the old one."""
    caller.insert("a")
    caller.deliver("sent", external_id="a")
    with own(caller, name, "UPDATE OF external_id", SHOUTED), pytest.raises(Refused):
        caller.rows("UPDATE invite SET external_id = 'new'")

    assert (caller.delivery("a")["status"], caller.delivery("a")["revision"]) == ("sent", 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_a_trigger_writes_again_when_it_is_deleted_keeps_its_delivery(
    name: str, caller: Caller
) -> None:
    """Deleted softly: what was not tried, and, where the trigger comes before ours, what was."""
    for external_id in ("a", "b"):
        caller.insert(external_id)
    caller.deliver("sent", external_id="b")
    with own(caller, name, "DELETE", WRITTEN_AGAIN):
        caller.rows("DELETE FROM invite WHERE external_id = 'a'")
        with suppress(*Refused):
            caller.rows("DELETE FROM invite WHERE external_id = 'b'")

    invites, deliveries = keys(caller)

    assert invites == deliveries
    assert caller.delivery("b")["envoy_invite_id"] is not None
