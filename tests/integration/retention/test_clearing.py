"""Personal data of finished visits is cleared in time, and of no others."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.retention.conftest import Office
from worker.invites.personal import PERSONAL

EMPTY = {**dict.fromkeys(PERSONAL), "invitee_name": "(cleared)"}
KEPT = ("connection", "external_id", "location", "expected_arrival_at", "wanted", "send_email", "updated_at")


def personal(office: Office, external_id: str = "v-1") -> dict[str, Any]:
    """Return what a row says of a person."""
    row = office.invite(external_id)
    return {name: row[name] for name in PERSONAL}


def test_a_visit_that_is_long_over_is_cleared(over: Office) -> None:
    """Nothing of the visitor or the host is left; what the visit was stays, and so does how it stands."""
    over.world.execute("UPDATE attempt SET detail = 'Canary is refused'")
    over.stand("v-1", error_detail="Canary kept", content_key="digest")
    row, stood = over.invite(), over.world.delivery()

    report = over.prune()

    assert report.counts["cleared"] == 1
    assert personal(over) == EMPTY
    assert {name: over.invite()[name] for name in KEPT} == {name: row[name] for name in KEPT}
    assert over.invite()["cleared_at"] is not None
    ours = dict.fromkeys(("sent_content", "error_detail", "content_key"))
    assert over.world.delivery() == {**stood, **ours}
    assert [line["detail"] for line in over.world.attempts()] == [None]


def test_a_second_run_finds_nothing(over: Office) -> None:
    """What is cleared is not cleared again."""
    over.prune()
    over.pass_days(40)

    assert over.prune().counts["cleared"] == 0


def test_time_counts_from_the_end_of_the_visit(office: Office) -> None:
    """From its departure, where it has one; thirty days by default, by the database's clock."""
    office.visit("short")
    office.visit("long", expected_departure_at=(office.now + timedelta(days=7)).isoformat())
    office.world.push()

    office.pass_days(32.1)
    first = office.prune().counts["cleared"], personal(office, "long") == EMPTY
    office.pass_days(5)
    second = office.prune().counts["cleared"]

    assert (first, second) == ((1, False), 1)


def test_time_counts_from_the_last_change_too(over: Office) -> None:
    """A visit of last year that was settled yesterday stays for its thirty days."""
    over.change(expected_arrival_at="2020-05-06T10:00:00Z")
    over.world.push()

    soon = over.prune().counts["cleared"]
    over.pass_days(31)

    assert (soon, over.prune().counts["cleared"]) == (0, 1)


@pytest.mark.parametrize("status", ["rejected", "expired", "withdrawn", "sent"])
def test_every_finished_status_is_cleared(office: Office, status: str) -> None:
    """Whether Envoy ever had it makes no difference."""
    office.visit()
    office.stand("v-1", status=status)
    office.pass_days(40)

    assert office.prune().counts["cleared"] == 1
    assert office.world.delivery()["status"] == status


@pytest.mark.parametrize("status", ["pending", "sending", "unknown"])
def test_what_is_not_finished_is_not_touched(office: Office, status: str) -> None:
    """The worker still needs it, however old it is."""
    office.visit()
    office.stand("v-1", status=status)
    before = office.invite(), office.world.delivery()
    office.pass_days(400)

    assert office.prune().counts["cleared"] == 0
    assert (office.invite(), office.world.delivery()) == before


def test_a_visit_that_lies_ahead_is_not_touched(office: Office) -> None:
    """However long ago it was sent."""
    office.visit(in_days=300)
    office.world.push()
    office.pass_days(200)

    assert office.prune().counts["cleared"] == 0


def test_only_the_connection_and_as_many_as_asked_for(office: Office) -> None:
    """`--connection` and `--limit` narrow the job as they do the others."""
    for number in range(3):
        office.visit(f"v-{number}")
    office.visit("other", connection="other")
    office.world.execute("UPDATE delivery SET status = 'rejected'")
    office.pass_days(40)

    limited = office.prune(limit=2).counts["cleared"]
    narrowed = office.prune(connection="acme").counts["cleared"]

    assert (limited, narrowed) == (2, 1)
    assert personal(office, "other") != EMPTY


def test_a_row_that_was_filled_again_is_cleared_again(over: Office) -> None:
    """Whatever the mark in it says: a caller may write personal data at any time."""
    over.prune()
    over.pass_days(1)
    over.change(notes="canary again")
    over.world.push()
    over.pass_days(31)

    assert over.prune().counts["cleared"] == 1
    assert personal(over) == EMPTY
