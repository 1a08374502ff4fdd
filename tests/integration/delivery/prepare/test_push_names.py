"""Push: names that Envoy must know before a call is made."""

from typing import Any

import pytest

from tests.integration.delivery.world import World
from worker.delivery.recovery import interrupted
from worker.errors import ExitCode
from worker.sandbox import Faults


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"location": "Berln"}, "location_unknown"),
        ({"location": "Old Warehouse"}, "location_disabled"),
        ({"location": None}, "location_missing"),
        ({"flow": "Intervieww"}, "flow_unknown"),
        ({"host_email": "host@example.com"}, "host_lookup_not_permitted"),
    ],
)
def test_what_cannot_be_resolved_is_rejected_before_any_call(
    world: World, columns: dict[str, Any], code: str
) -> None:
    """A wrong name costs Envoy no create; the row says which name is near."""
    world.add(**columns)

    report = world.push()

    assert report.counts["rejected"] == 1
    assert ExitCode.REJECTED in report.troubles
    assert world.delivery()["error_code"] == code
    assert world.attempts() == []


def test_a_rejection_names_the_nearest_location(world: World) -> None:
    """The operator sees what the caller probably meant."""
    world.add(location="Berln")

    world.push()

    assert "Berlin" in world.delivery()["error_detail"]


def test_an_unknown_name_makes_the_directory_be_read_once_more(world: World) -> None:
    """A location that Envoy got after the last refresh is found; one that it never had costs one read."""
    world.sandbox.add_location("Oslo", timezone="Europe/Oslo")
    world.add("v-1", location="Oslo")
    for number in range(20):
        world.add(f"bad-{number}", location="Nowhere")
    reads_before = world.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"]

    report = world.push()

    assert report.counts["sent"] == 1
    assert report.counts["rejected"] == 20
    assert world.sandbox.ledger()["by_route"]["GET /v1/locations"]["200"] == reads_before + 1


def test_a_name_that_cannot_be_looked_up_waits_and_delays_no_other_row(world: World) -> None:
    """While the directory cannot be read again, its row is neither rejected nor in anybody's way."""
    world.add("v-1", location="Oslo")
    world.add("v-2")
    world.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/locations"))

    report = world.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert world.delivery("v-1")["status"] == "pending"
    assert world.delivery("v-2")["status"] == "sent"


def test_a_caller_can_mend_a_rejected_row(world: World) -> None:
    """Changing the row makes it pending again, and clears the error."""
    world.add(location="Berln")
    world.push()

    world.execute("UPDATE invite SET location = 'Berlin'")
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.delivery()["error_code"] is None


def test_a_connection_that_does_not_exist_is_noted_on_its_rows(world: World) -> None:
    """The row waits, and says why; once the connection is there it goes out."""
    world.add(connection="nobody")

    world.push()

    assert world.delivery()["status"] == "pending"
    assert world.delivery()["error_code"] == "connection_unknown"


def test_there_may_be_more_unknown_connections_than_a_statement_takes_values(world: World) -> None:
    """A caller who writes nonsense stops nobody: PostgreSQL takes 65,535 values, and here are more names."""
    world.execute(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 66000)"
        " SELECT 'x-' || i, 'v-1', 'Visitor', 'Berlin', '2035-03-01T08:00:00Z' FROM n"
    )

    assert len(interrupted.mark_unknown_connections(world.context.database)) == 66_000

    marked = world.rows("SELECT count(*) AS number FROM delivery WHERE error_code = 'connection_unknown'")
    assert marked == [{"number": 66_000}]
